import { concat } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { Image, ImageFormat } from './image.ts';

/** What `flashline inspect` shows of an image. */
export interface ImageDescription {
  readonly format: ImageFormat;
  readonly entry: number | null;
  /** `0483:df11`, of the USB device that the file is for; null where it names none. */
  readonly device: string | null;
  readonly segments: readonly { readonly address: number; readonly size: number; readonly sha256: string }[];
  /** The sum of the segments' sizes. */
  readonly size: number;
  /** Over the segments' bytes in address order, as in a unit record. */
  readonly sha256: string;
}

export function describeImage(image: Image): ImageDescription {
  const segments = image.segments.map(({ address, data }) => ({ address, size: data.length, sha256: sha256Hex(data) }));
  const all = concat(image.segments.map((segment) => segment.data));
  return {
    format: image.format,
    entry: image.entry ?? null,
    device: deviceOf(image),
    segments,
    size: all.length,
    sha256: sha256Hex(all),
  };
}

function deviceOf({ device }: Image): string | null {
  if (!device) return null;
  const id = (value: number) => (value === 0xffff ? 'any' : value.toString(16).padStart(4, '0'));
  return `${id(device.vendorId)}:${id(device.productId)}`;
}
