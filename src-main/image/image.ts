/** One run of bytes at an address. */
export interface Segment {
  readonly address: number;
  readonly data: Uint8Array;
}

export type ImageFormat = 'ihex' | 'srec' | 'elf' | 'uf2' | 'bin';

/** A parsed image: segments sorted by address, merged where they touch, never overlapping. */
export interface Image {
  readonly format: ImageFormat;
  readonly segments: readonly Segment[];
  /** Start or entry address, where the file names one. */
  readonly entry?: number;
}
