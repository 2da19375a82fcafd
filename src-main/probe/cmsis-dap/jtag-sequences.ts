import type { JtagStretch } from '../jtag-port.ts';
import { COMMAND, type Packet } from './packets.ts';

/**
 * JTAG stretches as DAP_JTAG_Sequence packets (CMSIS-DAP 2.1), as full as the probe's packets allow.
 *
 * Request: 14 count { info tdi[cycles / 8] }*   reply: 14 status { tdo[cycles / 8] of those that capture }*
 *
 * Info: bits 5-0 cycles (0 means 64), bit 6 TMS, bit 7 capture. Bits go and come least significant first. A stretch is
 * only ever split between two bytes of its bits, so that its parts can be put behind each other without shifting.
 */
export interface SequencePacket extends Packet {
  readonly captures: readonly Capture[];
}

/** Where a part of the captured bits belongs: from `byte` of the stretch's own array on. */
interface Capture {
  readonly stretch: number;
  readonly byte: number;
  readonly cycles: number;
}

const HEADER = 2;
const REPLY_HEADER = 2;
const MOST_SEQUENCES = 255;
const MOST_CYCLES = 64;
const TMS = 0x40;
const CAPTURE = 0x80;

/** The packets for some stretches, made as they are needed. */
export function* packSequences(stretches: readonly JtagStretch[], packetSize: number): Generator<SequencePacket, void> {
  let open = new OpenSequences(packetSize);
  for (const [index, stretch] of stretches.entries()) {
    for (let done = 0; done < stretch.cycles;) {
      const cycles = open.add(stretch, index, done);
      done += cycles;
      if (cycles > 0) continue;
      yield open.take();
      open = new OpenSequences(packetSize);
    }
  }
  if (open.count > 0) yield open.take();
}

/** Puts the bits of a reply where they belong; false when the reply lacks some. */
export function unpackCaptures(packet: SequencePacket, reply: Uint8Array, captured: readonly Uint8Array[]): boolean {
  let at = REPLY_HEADER;
  for (const { stretch, byte, cycles } of packet.captures) {
    const bytes = Math.ceil(cycles / 8);
    if (at + bytes > reply.length) return false;
    const out = captured[stretch];
    out?.set(reply.subarray(at, at + bytes), byte);
    const beyond = cycles % 8;
    if (out && beyond > 0) out[byte + bytes - 1] = (out[byte + bytes - 1] ?? 0) & ((1 << beyond) - 1);
    at += bytes;
  }
  return true;
}

class OpenSequences {
  count = 0;
  readonly #bytes: Uint8Array;
  readonly #captures: Capture[] = [];
  #at = HEADER;
  #replyAt = REPLY_HEADER;

  constructor(packetSize: number) {
    this.#bytes = new Uint8Array(packetSize);
  }

  /** Takes up as many of the stretch's cycles from `done` on as one sequence and the packet's room allow; none is 0. */
  add({ tms, cycles, tdi, capture }: JtagStretch, stretch: number, done: number): number {
    const size = this.#bytes.length;
    const room = Math.min(size - this.#at - 1, capture ? size - this.#replyAt : Infinity);
    const taken = Math.min(cycles - done, MOST_CYCLES, 8 * room);
    if (taken <= 0 || this.count === MOST_SEQUENCES) return 0;
    const bytes = Math.ceil(taken / 8);
    const from = done / 8;
    this.#bytes[this.#at++] = (taken % MOST_CYCLES) | (tms === 1 ? TMS : 0) | (capture ? CAPTURE : 0);
    if (tdi) this.#bytes.set(tdi.subarray(from, from + bytes), this.#at);
    this.#at += bytes;
    if (capture) {
      this.#captures.push({ stretch, byte: from, cycles: taken });
      this.#replyAt += bytes;
    }
    this.count++;
    return taken;
  }

  take(): SequencePacket {
    this.#bytes.set([COMMAND.jtagSequence, this.count]);
    return { request: this.#bytes.subarray(0, this.#at), minReply: REPLY_HEADER, captures: this.#captures };
  }
}
