/** How a page's state came to be known. */
export type KnownBy =
  /** The unit's checksum block and the image's say the same of it. */
  | 'block'
  /** The unit made a digest of it. */
  | 'digest'
  | 'read'
  /** A few bytes of it are not as wanted. */
  | 'sample'
  /** Both checksum blocks count, and no region of theirs has it: the rule is to write it. */
  | 'uncovered'
  /** It was taken for unchanged, and read back as something else. */
  | 'rot';

/** What a page of the unit holds, as far as planning needs to know. A hint: PASS never rests on it. */
export interface PageState {
  readonly address: number;
  /** False also where nobody looked closely. */
  readonly blank: boolean;
  /** pageDigest of the whole page; left out where it is known to differ from what is wanted. */
  readonly digest?: number;
  readonly by?: KnownBy;
  /** The end marker of the unit's own checksum block stands here: an address in this page. */
  readonly marker?: number;
}
