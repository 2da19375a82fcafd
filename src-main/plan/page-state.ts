/** What a page of the unit holds, as far as planning needs to know. A hint: PASS never rests on it. */
export interface PageState {
  readonly address: number;
  /** False also where nobody looked closely. */
  readonly blank: boolean;
  /** crc32 of the whole page (base/digest.ts); left out where it is known to differ from what is wanted. */
  readonly crc32?: number;
}
