import { toHex } from '#shared/base/bytes.ts';

const LINE = 16;

/** Intel HEX of one range: extended linear address records (04) wherever the upper half changes, data (00), end (01). */
export function intelHex(address: number, bytes: Uint8Array): string {
  const lines: string[] = [];
  let upper = -1;
  let at = 0;
  while (at < bytes.length) {
    const here = address + at;
    if (here >>> 16 !== upper) {
      upper = here >>> 16;
      lines.push(record(0, 0x04, Uint8Array.of(upper >> 8, upper & 0xff)));
    }
    // A data record must not run across a 64 KiB border: its offset is 16 bits wide.
    const length = Math.min(LINE, bytes.length - at, 0x10000 - (here & 0xffff));
    lines.push(record(here & 0xffff, 0x00, bytes.subarray(at, at + length)));
    at += length;
  }
  lines.push(record(0, 0x01, new Uint8Array()));
  return `${lines.join('\n')}\n`;
}

function record(offset: number, type: number, data: Uint8Array): string {
  const body = Uint8Array.of(data.length, offset >> 8, offset & 0xff, type, ...data);
  const sum = body.reduce((total, byte) => total + byte, 0);
  return `:${toHex(body)}${toHex(Uint8Array.of(-sum & 0xff))}`.toUpperCase();
}
