import type { Match, Transfer } from '../debug-port.ts';
import { COMMAND, type Packet } from './packets.ts';

/**
 * DP and AP accesses packed into DAP_Transfer and DAP_TransferBlock packets, as full as the probe's packets allow.
 *
 * DAP_Transfer       request: 05 index count(1) { request [data(4)] }*   reply: 05 count(1) ack { data(4) }*
 * DAP_TransferBlock  request: 06 index count(2) request data(4)*         reply: 06 count(2) ack data(4)*
 *
 * A read costs one byte out and four back in either, so reads always go as DAP_Transfer, where neighbours share the
 * packet. A write costs five bytes in the first and four in the second: long runs go as blocks, their rests share.
 */
export interface TransferPacket extends Packet {
  /** Accesses that the probe must report as done. */
  readonly count: number;
  /** Where the reply's data words begin, and how many there are when all went well. */
  readonly dataAt: number;
  readonly words: number;
  /** Bytes moved on behalf of `readCount` and `words` entries, for progress. */
  readonly blockBytes: number;
}

/** What the packets are made for. */
export interface PackOptions {
  readonly packetSize: number;
  /** Of the TAP in the JTAG chain; SWD ignores it. */
  readonly index: number;
  /** How long one match may poll. */
  readonly pollMs: number;
}

const TRANSFER_HEADER = 3;
const TRANSFER_REPLY_HEADER = 3;
const BLOCK_HEADER = 5;
const BLOCK_REPLY_HEADER = 4;
const MAX_TRANSFERS = 255;

/** Bits of the request byte, beside APnDP (0), RnW (1) and A[3:2]. */
const AP = 0x01;
const READ = 0x02;
const VALUE_MATCH = 0x10;
const MATCH_MASK = 0x20;

/** How many words the reads of a batch bring back. */
export function wordsRead(batch: readonly Transfer[]): number {
  let words = 0;
  for (const transfer of batch) {
    if ('readCount' in transfer) words += transfer.readCount;
    else if ('read' in transfer && transfer.read) words += 1;
  }
  return words;
}

/** The packets for a batch, made as they are needed: a large batch is never in memory twice. */
export function* packTransfers(batch: Iterable<Transfer>, options: PackOptions): Generator<TransferPacket, void> {
  const open = new OpenPacket(options);
  for (const transfer of batch) {
    if ('readCount' in transfer) yield* packReads(open, transfer.port, transfer.address, transfer.readCount);
    else if ('words' in transfer) yield* packWrites(open, options, transfer);
    else yield* packOne(open, transfer);
  }
  if (open.count > 0) yield open.take();
}

type Single = Exclude<Transfer, { readonly readCount: number } | { readonly words: Uint32Array }>;

function* packOne(open: OpenPacket, transfer: Single): Generator<TransferPacket, void> {
  const request = requestByte(transfer);
  if ('matchMask' in transfer) {
    if (!open.hasRoomForMatch(transfer.matchMask)) yield open.take();
    open.addMatch(request | READ | VALUE_MATCH, transfer);
  } else if (transfer.read) {
    if (!open.hasRoomForRead()) yield open.take();
    open.addRead(request | READ, false);
  } else {
    if (!open.hasRoomForWrite()) yield open.take();
    open.addWrite(request, transfer.value, false);
  }
}

function* packReads(
  open: OpenPacket,
  port: 'dp' | 'ap',
  address: number,
  count: number,
): Generator<TransferPacket, void> {
  const request = requestByte({ port, address }) | READ;
  for (let i = 0; i < count; i++) {
    if (!open.hasRoomForRead()) yield open.take();
    open.addRead(request, true);
  }
}

function* packWrites(
  open: OpenPacket,
  { packetSize, index }: PackOptions,
  transfer: { readonly port: 'dp' | 'ap'; readonly address: number; readonly words: Uint32Array },
): Generator<TransferPacket, void> {
  const request = requestByte(transfer);
  const singles = Math.min(MAX_TRANSFERS, Math.floor((packetSize - TRANSFER_HEADER) / 5));
  const blockWords = Math.floor((packetSize - BLOCK_HEADER) / 4);
  let at = 0;
  while (at < transfer.words.length) {
    if (open.count === 0 && transfer.words.length - at > singles) {
      const words = transfer.words.subarray(at, at + blockWords);
      yield writeBlockPacket(index, request, words);
      at += words.length;
    } else {
      if (!open.hasRoomForWrite()) yield open.take();
      else open.addWrite(request, transfer.words[at++] ?? 0, true);
    }
  }
}

function writeBlockPacket(index: number, request: number, words: Uint32Array): TransferPacket {
  const bytes = new Uint8Array(BLOCK_HEADER + 4 * words.length);
  bytes.set([COMMAND.transferBlock, index, words.length & 0xff, words.length >>> 8, request]);
  const view = new DataView(bytes.buffer);
  words.forEach((word, place) => view.setUint32(BLOCK_HEADER + 4 * place, word, true));
  return {
    request: bytes,
    minReply: BLOCK_REPLY_HEADER,
    count: words.length,
    dataAt: BLOCK_REPLY_HEADER,
    words: 0,
    blockBytes: 4 * words.length,
  };
}

function requestByte(access: Pick<Match, 'port' | 'address'>): number {
  return (access.port === 'ap' ? AP : 0) | (access.address & 0x0c);
}

/** A DAP_Transfer packet that is being filled. */
class OpenPacket {
  count = 0;
  readonly #options: PackOptions;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = TRANSFER_HEADER;
  #words = 0;
  #blockBytes = 0;
  #matches = 0;
  #fence = false;
  /** The mask that this packet has set last. */
  #mask: number | undefined;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#size = options.packetSize;
    this.#bytes = new Uint8Array(this.#size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  hasRoomForRead(): boolean {
    const reply = TRANSFER_REPLY_HEADER + 4 * (this.#words + 1);
    return this.count < MAX_TRANSFERS && this.#at + 1 <= this.#size && reply <= this.#size;
  }

  hasRoomForWrite(): boolean {
    return this.count < MAX_TRANSFERS && this.#at + 5 <= this.#size;
  }

  /** The mask and the match stay in one packet, so that a failure in between cannot leave another's mask. */
  hasRoomForMatch(mask: number): boolean {
    const writes = mask === this.#mask ? 1 : 2;
    return this.count + writes <= MAX_TRANSFERS && this.#at + 5 * writes <= this.#size;
  }

  addMatch(request: number, { matchMask, matchValue, runsOn }: Match): void {
    if (matchMask !== this.#mask) this.addWrite(MATCH_MASK, matchMask, false);
    this.#mask = matchMask;
    this.addWrite(request, matchValue, false);
    this.#matches++;
    this.#fence ||= !runsOn;
  }

  addRead(request: number, block: boolean): void {
    this.#bytes[this.#at++] = request;
    this.#words++;
    this.#counted(block);
  }

  addWrite(request: number, value: number, block: boolean): void {
    this.#bytes[this.#at++] = request;
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    this.#counted(block);
  }

  #counted(block: boolean): void {
    this.count++;
    if (block) this.#blockBytes += 4;
  }

  take(): TransferPacket {
    this.#bytes.set([COMMAND.transfer, this.#options.index, this.count]);
    const packet = {
      request: this.#bytes.slice(0, this.#at),
      minReply: TRANSFER_REPLY_HEADER,
      count: this.count,
      dataAt: TRANSFER_REPLY_HEADER,
      words: this.#words,
      blockBytes: this.#blockBytes,
      patienceMs: this.#matches * this.#options.pollMs,
      fence: this.#fence,
    };
    this.count = 0;
    this.#at = TRANSFER_HEADER;
    this.#words = 0;
    this.#blockBytes = 0;
    this.#matches = 0;
    this.#fence = false;
    this.#mask = undefined;
    return packet;
  }
}

/** What a transfer's acknowledge byte says: bits 0-2 are the wire's ACK, bit 3 a protocol or parity error, bit 4 a mismatch. */
export type Acknowledge = 'ok' | 'wait' | 'fault' | 'noise' | 'silent' | 'mismatch';

export interface TransferReply {
  /** Accesses done, the failing one not counted in. */
  readonly done: number;
  readonly acknowledge: Acknowledge;
}

export function decodeTransferReply(packet: TransferPacket, reply: Uint8Array): TransferReply {
  const block = packet.request[0] === COMMAND.transferBlock;
  const done = block ? (reply[1] ?? 0) | ((reply[2] ?? 0) << 8) : (reply[1] ?? 0);
  return { done, acknowledge: acknowledgeOf(reply[block ? 3 : 2] ?? 0) };
}

function acknowledgeOf(byte: number): Acknowledge {
  if (byte & 0x08) return 'noise';
  if (byte & 0x10) return 'mismatch';
  switch (byte & 0x07) {
    case 1:
      return 'ok';
    case 2:
      return 'wait';
    case 4:
      return 'fault';
    case 7:
      return 'silent';
    default:
      return 'noise';
  }
}
