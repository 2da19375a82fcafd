/**
 * CMSIS-DAP packets as bytes (ARM CMSIS-DAP 2.1, "Commands"), built and taken apart without any I/O.
 * Multi-byte values are little endian. The byte map stands beside every size.
 */

export const COMMAND = {
  info: 0x00,
  hostStatus: 0x01,
  connect: 0x02,
  disconnect: 0x03,
  transferConfigure: 0x04,
  transfer: 0x05,
  transferBlock: 0x06,
  writeAbort: 0x08,
  swjPins: 0x10,
  swjClock: 0x11,
  swjSequence: 0x12,
  swdConfigure: 0x13,
  jtagSequence: 0x14,
  jtagConfigure: 0x15,
  jtagIdcode: 0x16,
} as const;

export const INFO = {
  vendor: 0x01,
  product: 0x02,
  serial: 0x03,
  protocol: 0x04,
  firmware: 0x09,
  packetCount: 0xfe,
  packetSize: 0xff,
} as const;

/** A request, and how many bytes its reply has at least (HID pads replies to the packet size). */
export interface Packet {
  readonly request: Uint8Array;
  readonly minReply: number;
  /** How long the target may keep the probe from answering, beyond the usual; milliseconds. */
  readonly patienceMs?: number;
  /** Nothing may be sent after it before it is answered. */
  readonly fence?: boolean;
}

/** A packet whose reply is a status byte. */
export type Order = Packet;

/** Request: 00 id. Reply: 00 length data[length]. */
export function infoPacket(id: number): Packet {
  return { request: Uint8Array.of(COMMAND.info, id), minReply: 2 };
}

/** Undefined when the reply is shorter than the length that it announces. */
export function decodeInfo(reply: Uint8Array): Uint8Array | undefined {
  const length = reply[1] ?? 0;
  return reply.length < 2 + length ? undefined : reply.subarray(2, 2 + length);
}

/** DAP_Info's strings end with a zero byte that counts in the length; no string is length 0. */
export function decodeInfoString(data: Uint8Array): string {
  const end = data.indexOf(0);
  return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
}

/** Request: 01 type on. Reply: 01 00. Type 0 is the "connected" light, 1 the "running" light. */
export function hostStatusPacket(type: 0 | 1, on: boolean): Packet {
  return { request: Uint8Array.of(COMMAND.hostStatus, type, on ? 1 : 0), minReply: 2 };
}

/** DAP_Connect's names for what the pins can be. */
export const PORT = { swd: 1, jtag: 2 } as const;

/** Request: 02 port. Reply: 02 port, port 0 when the probe has no such mode. */
export function connectPacket(port: number): Packet {
  return { request: Uint8Array.of(COMMAND.connect, port), minReply: 2 };
}

/** Request: 03. Reply: 03 status. */
export function disconnectPacket(): Packet {
  return { request: Uint8Array.of(COMMAND.disconnect), minReply: 2 };
}

/** Request: 04 idleCycles(1) waitRetry(2) matchRetry(2). Reply: 04 status. */
export function transferConfigurePacket(idleCycles: number, waitRetry: number, matchRetry: number): Order {
  const request = Uint8Array.of(
    COMMAND.transferConfigure,
    idleCycles,
    waitRetry & 0xff,
    waitRetry >>> 8,
    matchRetry & 0xff,
    matchRetry >>> 8,
  );
  return { request, minReply: 2 };
}

/** Request: 08 index abort(4). Reply: 08 status. The index (of the JTAG chain) is ignored for SWD. */
export function writeAbortPacket(index: number, value: number): Order {
  return { request: Uint8Array.of(COMMAND.writeAbort, index, ...le32(value)), minReply: 2 };
}

/** The pins that somebody else may also pull. */
export const PIN = { trst: 0x20, srst: 0x80 } as const;

/** Request: 10 output select waitMicroseconds(4). Reply: 10 input. */
export function swjPinsPacket(output: number, select: number, waitUs: number): Packet {
  return { request: Uint8Array.of(COMMAND.swjPins, output, select, ...le32(waitUs)), minReply: 2 };
}

/** Request: 11 hertz(4). Reply: 11 status. */
export function swjClockPacket(hertz: number): Order {
  return { request: Uint8Array.of(COMMAND.swjClock, ...le32(hertz)), minReply: 2 };
}

/** Request: 12 bits(1, 0 means 256) data[bits / 8], least significant bit first. Reply: 12 status. */
export function swjSequencePacket(data: Uint8Array): Order {
  return { request: Uint8Array.of(COMMAND.swjSequence, (data.length * 8) & 0xff, ...data), minReply: 2 };
}

/** Request: 13 configuration (0: one turnaround cycle, no data phase after WAIT and FAULT). Reply: 13 status. */
export function swdConfigurePacket(): Order {
  return { request: Uint8Array.of(COMMAND.swdConfigure, 0), minReply: 2 };
}

/** Request: 15 count irLength[count], the TAP nearest to TDO first. Reply: 15 status. */
export function jtagConfigurePacket(irLengths: readonly number[]): Order {
  return { request: Uint8Array.of(COMMAND.jtagConfigure, irLengths.length, ...irLengths), minReply: 2 };
}

/** Request: 16 index. Reply: 16 status idcode(4), which a refusal lacks. */
export function jtagIdcodePacket(index: number): Packet {
  return { request: Uint8Array.of(COMMAND.jtagIdcode, index), minReply: 2 };
}

/** Undefined when the probe refused. */
export function decodeIdcode(reply: Uint8Array): number | undefined {
  if (reply[1] !== STATUS_OK || reply.length < 6) return undefined;
  return new DataView(reply.buffer, reply.byteOffset, reply.byteLength).getUint32(2, true);
}

/** Status byte of the commands that have one. */
export const STATUS_OK = 0x00;

function le32(value: number): [number, number, number, number] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
