import type { JtagHost } from './jtag/jtag-host.ts';
import type { PacketReader, PacketWriter } from './packet-reader.ts';

const DAP_OK = 0;
const DAP_ERROR = 0xff;

/** TAPs that the firmware can keep (DAP_JTAG_DEV_CNT of ARM's own is 8). */
const MAX_TAPS = 8;

const CYCLES = 0x3f;
const TMS = 0x40;
const CAPTURE = 0x80;

/** `14 count {info tdi...}...` -> `14 00 [tdo...]`; info: bits 0-5 cycles (0 is 64), bit 6 TMS, bit 7 captures. */
export function jtagSequences(host: JtagHost, input: PacketReader, out: PacketWriter): void {
  const count = input.u8();
  out.u8(DAP_OK);
  for (let i = 0; i < count; i++) {
    const info = input.u8();
    const cycles = info & CYCLES || 64;
    const heard = host.sequence(info & TMS ? 1 : 0, cycles, input.bytes(Math.ceil(cycles / 8)));
    if (info & CAPTURE) out.bytes(heard);
  }
}

/** `15 count {length}...` -> `15 status`: instruction register lengths, the TAP nearest to TDO first. */
export function jtagConfigure(host: JtagHost, input: PacketReader, out: PacketWriter): void {
  const lengths = [...input.bytes(input.u8())];
  const possible = lengths.length <= MAX_TAPS;
  if (possible) host.configure(lengths);
  out.u8(possible ? DAP_OK : DAP_ERROR);
}

/** `16 index` -> `16 status idcode32`. */
export function jtagIdcode(host: JtagHost, connected: boolean, input: PacketReader, out: PacketWriter): void {
  const there = host.choose(input.u8());
  if (!connected || !there) {
    out.u8(DAP_ERROR);
    return;
  }
  out.u8(DAP_OK);
  out.u32(host.idcode());
}
