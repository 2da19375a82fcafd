/** What a page of the unit holds, as far as planning needs to know. A hint: PASS never rests on it. */
export interface PageState {
  readonly address: number;
  readonly blank: boolean;
  /** crc32 of the whole page (base/digest.ts). */
  readonly crc32: number;
}
