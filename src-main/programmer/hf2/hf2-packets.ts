import { concat } from '#shared/base/bytes.ts';

/**
 * HF2's packets (github.com/microsoft/uf2, hf2.md "Raw message format"): at most 64 bytes, the first tells what it is in
 * its two high bits and how many bytes of it count in the others; what follows those is filling.
 */
const PACKET = 64;
const PAYLOAD = PACKET - 1;
const INNER = 0x00;
const FINAL = 0x40;
const SERIAL = 0x80;
const KIND = 0xc0;
const LENGTH = 0x3f;

/** Nothing that a boot loader answers is longer; who sends more has lost the thread. */
const LONGEST = 64 * 1024;

/** Command: `id(4) tag(2) 0 0 data`. */
export function commandPackets(id: number, tag: number, data: Uint8Array): Uint8Array[] {
  const head = new Uint8Array(8);
  const view = new DataView(head.buffer);
  view.setUint32(0, id, true);
  view.setUint16(4, tag, true);
  const message = concat([head, data]);
  const packets: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += PAYLOAD) {
    const part = message.subarray(at, at + PAYLOAD);
    const kind = at + PAYLOAD >= message.length ? FINAL : INNER;
    packets.push(concat([Uint8Array.of(kind | part.length), part]));
  }
  return packets;
}

/** `tag(2) status(1) info(1) data`. */
export interface Hf2Response {
  readonly tag: number;
  readonly status: number;
  readonly statusInfo: number;
  readonly data: Uint8Array;
}

/** Puts responses together from packets; what the device prints meanwhile is passed over. */
export class Hf2Reader {
  #parts: Uint8Array[] = [];
  #length = 0;

  /** The response that ends with this packet; undefined while it is not whole. A string says what is wrong with it. */
  push(packet: Uint8Array): Hf2Response | string | undefined {
    const head = packet[0];
    if (head === undefined) return 'an empty packet';
    const kind = head & KIND;
    const length = head & LENGTH;
    if ((kind & SERIAL) !== 0) return undefined;
    if (packet.length < 1 + length) return `a packet of ${packet.length} bytes that says it holds ${length}`;
    this.#parts.push(packet.slice(1, 1 + length));
    this.#length += length;
    if (this.#length > LONGEST) return 'a response without an end';
    if (kind === INNER) return undefined;
    const message = concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    if (message.length < 4) return `a response of ${message.length} bytes`;
    const [low = 0, high = 0, status = 0, statusInfo = 0] = message;
    return { tag: low | (high << 8), status, statusInfo, data: message.subarray(4) };
  }
}
