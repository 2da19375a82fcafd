import { descriptor, u16 } from '../usbip/descriptors.ts';

export interface FunctionalParts {
  /** bmAttributes: 1 download, 2 upload, 4 manifestation tolerant, 8 will detach. */
  readonly attributes: number;
  readonly detachMs: number;
  readonly transferBytes: number;
  readonly version: number;
}

/** DFU's functional descriptor (DFU 1.1, 4.1.3). */
export function functionalDescriptor({ attributes, detachMs, transferBytes, version }: FunctionalParts): Uint8Array {
  return descriptor(0x21, [attributes, ...u16(detachMs), ...u16(transferBytes), ...u16(version)]);
}
