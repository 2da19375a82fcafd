/** One run of bytes at an address. */
export interface Segment {
  readonly address: number;
  readonly data: Uint8Array;
}

export type ImageFormat = 'ihex' | 'srec' | 'elf' | 'uf2' | 'bin' | 'dfu' | 'dfuse';

/** A parsed image: segments sorted by address, merged where they touch, never overlapping. */
export interface Image {
  readonly format: ImageFormat;
  readonly segments: readonly Segment[];
  /** Start or entry address, where the file names one. */
  readonly entry?: number;
  /** The USB device that the file says it is for; 0xFFFF is any. */
  readonly device?: { readonly vendorId: number; readonly productId: number; readonly release: number };
}
