import { readU32 } from '#shared/base/bytes.ts';
import type { Board } from '../board.ts';
import { FLASH, ROW_SIZE } from '../samd21/nvmctrl.ts';
import { usToNs } from '../virtual-clock.ts';
import { FAMILY, type Uf2BootLoader } from './boot-loader.ts';

/** uf2-samdx1, hid.c: the buffer that messages are put together in, and answered from. */
const MESSAGE = ROW_SIZE + 64;
const PACKET = 64;
const FINAL = 0x40;
const SERIAL = 0x80;
/** From a message that is whole to its answer in the endpoint, at 48 MHz: an assumption. */
const COMMAND_NS = usToNs(20);
/** Eight rounds of shift and xor a byte, some 60 cycles: an assumption. */
const CRC_NS_PER_BYTE = usToNs(1.25);
/** From what WRITE WORDS does to its answer in the endpoint: an assumption. A SysTick may come in between. */
const ANSWER_NS = usToNs(10);
const NOT_UNDERSTOOD = 1;

export interface Hf2Answer {
  readonly packets: readonly Uint8Array[];
  readonly at: number;
}

/** HF2 as the boot loader speaks it (hid.c, process_core): a command of another length than its own halts it. Times are virtual nanoseconds. */
export class Hf2Device {
  readonly #loader: Uf2BootLoader;
  readonly #board: Board;
  readonly #message = new Uint8Array(MESSAGE);
  #length = 0;
  /** It wrote past its buffer, or its core faulted: nothing comes any more. */
  #hung = false;

  constructor(loader: Uf2BootLoader, board: Board) {
    this.#loader = loader;
    this.#board = board;
  }

  /** What comes of a packet, if it ends a message. */
  take(packet: Uint8Array, at: number): Hf2Answer | undefined {
    const head = packet[0] ?? 0;
    if (this.#hung || this.#loader.hung || (head & SERIAL) !== 0) return undefined;
    const length = head & 0x3f;
    if (this.#length + length > MESSAGE) {
      this.#hung = true;
      return undefined;
    }
    this.#message.set(packet.subarray(1, 1 + length), this.#length);
    this.#length += length;
    if ((head & FINAL) === 0) return undefined;
    const message = this.#message.slice(0, this.#length);
    this.#length = 0;
    return this.#process(message, this.#loader.freeAt(at) + COMMAND_NS);
  }

  /** After a reset nothing of a message is left. */
  forget(): void {
    this.#length = 0;
    this.#hung = false;
  }

  #process(message: Uint8Array, at: number): Hf2Answer | undefined {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    if (message.length < 8) return undefined;
    const word = (index: number) => (message.length >= 12 + index * 4 ? readU32(message, 8 + index * 4) : 0);
    const tag = view.getUint16(4, true);
    const answer = (data: Uint8Array = new Uint8Array(), when = at) => this.#answer(tag, 0, data, when);
    switch (view.getUint32(0, true)) {
      case 0x01:
        return answer(wordsToBytes([1, ROW_SIZE, FLASH.size / ROW_SIZE, MESSAGE, FAMILY]));
      case 0x02:
        return answer(new TextEncoder().encode(this.#loader.info));
      case 0x03:
        this.#loader.reset(at);
        return undefined;
      case 0x05:
        return answer();
      case 0x06:
        if (message.length !== 12 + ROW_SIZE) return this.#hang();
        // First the answer, then the work.
        this.#loader.writeRow(word(0), message.slice(12, 12 + ROW_SIZE), at);
        return answer();
      case 0x07:
        return this.#checksums(word(0), word(1), at, answer);
      case 0x08:
        return this.#readWords(word(0), word(1), at, answer);
      case 0x09:
        return this.#writeWords(word(0), message.subarray(16, 16 + word(1) * 4), at, answer);
      default:
        return this.#answer(tag, NOT_UNDERSTOOD, new Uint8Array(), at);
    }
  }

  #checksums(from: number, pages: number, at: number, answer: Answer): Hf2Answer | undefined {
    if (pages * 2 > MESSAGE - 4) return this.#hang();
    const data = new Uint8Array(pages * 2);
    for (let page = 0; page < pages; page++) {
      let crc = 0;
      for (let offset = 0; offset < ROW_SIZE; offset++) crc = addCrc(this.#byte(from + page * ROW_SIZE + offset), crc);
      data.set([crc & 0xff, crc >>> 8], page * 2);
    }
    return answer(data, at + pages * ROW_SIZE * CRC_NS_PER_BYTE);
  }

  #readWords(from: number, count: number, at: number, answer: Answer): Hf2Answer | undefined {
    if (count * 4 > MESSAGE - 4) return this.#hang();
    const found: number[] = [];
    let when = at;
    for (let index = 0; index < count; index++) {
      const { value, fault, doneAt } = this.#board.chip.read(from + index * 4, 4, when);
      if (fault) return this.#hang();
      found.push(value);
      when = doneAt;
    }
    return answer(wordsToBytes(found), when);
  }

  #writeWords(to: number, bytes: Uint8Array, at: number, answer: Answer): Hf2Answer | undefined {
    let when = at;
    for (let offset = 0; offset < bytes.length; offset += 4) {
      const { fault, doneAt } = this.#board.chip.write(to + offset, 4, readU32(bytes, offset), when);
      if (fault) return this.#hang();
      when = doneAt;
    }
    const goesOnAt = this.#loader.goesOnAt(when, ANSWER_NS);
    return goesOnAt === Infinity ? undefined : answer(undefined, goesOnAt);
  }

  #byte(address: number): number {
    return ((this.#board.chip.peek(address) ?? 0) >>> ((address % 4) * 8)) & 0xff;
  }

  #hang(): undefined {
    this.#hung = true;
    return undefined;
  }

  #answer(tag: number, status: number, data: Uint8Array, at: number): Hf2Answer {
    const message = new Uint8Array(4 + data.length);
    message.set([tag & 0xff, tag >>> 8, status, 0]);
    message.set(data, 4);
    const packets: Uint8Array[] = [];
    for (let from = 0; from < message.length; from += PACKET - 1) {
      const part = message.subarray(from, from + PACKET - 1);
      const packet = new Uint8Array(PACKET);
      packet[0] = part.length | (from + PACKET - 1 >= message.length ? FINAL : 0);
      packet.set(part, 1);
      packets.push(packet);
    }
    return { packets, at };
  }
}

type Answer = (data?: Uint8Array, when?: number) => Hf2Answer;

function wordsToBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setUint32(index * 4, word, true));
  return bytes;
}

/** utils of the boot loader: CRC-16-CCITT, a bit at a time. */
function addCrc(byte: number, crc: number): number {
  let sum = crc ^ (byte << 8);
  for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000) === 0 ? sum << 1 : (sum << 1) ^ 0x1021;
  return sum & 0xffff;
}
