import { concat, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { decodeUf2Block, encodeUf2Block, UF2_BLOCK, Uf2Flag } from '../../image/uf2-block.ts';
import type { Drive } from '../../link/drive.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice } from '../flash-device.ts';
import { PendingErases } from '../pending-erases.ts';

export const CURRENT = 'CURRENT.UF2';
/** Payload of its blocks (UF2 README, "Files exposed by bootloaders"), and so the page that is written. */
const PAYLOAD = 256;
const NAME = 'FLASH.UF2';

/**
 * Every block that is written says that it is number 0 of 2. The boot loader writes each as it comes, counts one number of
 * two, however many come, and waits. Number 1, which is not for the flash, completes the file: that resets the unit.
 */
const NUMBERS = { blocks: 2, content: 0, last: 1 } as const;

/** Bytes of CURRENT.UF2 at a time: an abort takes effect between two. */
const READ_AT_ONCE = 256 * UF2_BLOCK;
const WRITE_AT_ONCE = 128;

/** Flash behind a UF2 boot loader's drive. Whole pages, erased as they are written; CURRENT.UF2 is what is read back. */
export class Uf2Flash implements FlashDevice {
  readonly name = 'UF2 boot loader';
  readonly #drive: Drive;
  readonly #family: number | undefined;
  readonly #pending = new PendingErases();

  constructor(drive: Drive, family: number | undefined) {
    this.#drive = drive;
    this.#family = family;
  }

  async erase(memory: FlashMemory, address: number, size: number, _io: IoContext, progress?: Progress): Promise<void> {
    this.#pending.add(memory, address, size);
    progress?.(size);
  }

  async program(memory: FlashMemory, address: number, bytes: Uint8Array, io: IoContext, progress?: Progress) {
    const { page } = memory;
    if (page !== PAYLOAD || bytes.length % page !== 0 || (address - memory.start) % page !== 0)
      throw new RangeError(`${bytes.length} bytes at ${address} are no whole pages`);
    const blank = new Uint8Array(page).fill(memory.erased);
    const pages: { address: number; payload: Uint8Array }[] = [];
    for (let at = 0; at < bytes.length; at += page) {
      const payload = bytes.subarray(at, at + page);
      const wasWaiting = this.#pending.take(address + at);
      // What is blank already needs no write; what waits for its erase does.
      if (wasWaiting || !payload.every((byte, index) => byte === blank[index]))
        pages.push({ address: address + at, payload });
    }
    await this.#write(pages, io, (done) => progress?.(Math.min(bytes.length, done)));
    progress?.(bytes.length);
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.#settle(address, length, io);
    const first = Math.floor(address / PAYLOAD);
    const end = Math.ceil((address + length) / PAYLOAD);
    const parts: Uint8Array[] = [];
    for (let at = first; at < end;) {
      const blocks = Math.min(READ_AT_ONCE / UF2_BLOCK, end - at);
      const bytes = await this.#drive.read(CURRENT, at * UF2_BLOCK, blocks * UF2_BLOCK, io);
      for (let index = 0; index < blocks; index++) parts.push(this.#payload(bytes, index, (at + index) * PAYLOAD));
      at += blocks;
      progress?.(Math.min(length, at * PAYLOAD - address));
    }
    return concat(parts).subarray(address - first * PAYLOAD, address - first * PAYLOAD + length);
  }

  async finish(io: IoContext): Promise<void> {
    await this.#settle(0, Infinity, io);
  }

  /** Both numbers, not for the flash: the file is complete, also where nothing had to be written. */
  async complete(io: IoContext): Promise<void> {
    const { blocks, content, last } = NUMBERS;
    const rest = { address: 0, payload: new Uint8Array(PAYLOAD), blocks, family: this.#family };
    const file = [content, last].map((number) => encodeUf2Block({ ...rest, number, flags: Uf2Flag.notMainFlash }));
    await this.#drive.write(NAME, concat(file), io);
  }

  async #settle(address: number, length: number, io: IoContext): Promise<void> {
    const waiting = this.#pending.within(address, length);
    const pages = waiting.map(({ start, memory }) => {
      return { address: start, payload: new Uint8Array(memory.page).fill(memory.erased) };
    });
    await this.#write(pages, io);
    for (const { start } of waiting) this.#pending.take(start);
  }

  async #write(
    pages: readonly { readonly address: number; readonly payload: Uint8Array }[],
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const { blocks, content: number } = NUMBERS;
    for (let from = 0; from < pages.length; from += WRITE_AT_ONCE) {
      io.signal.throwIfAborted();
      const some = pages.slice(from, from + WRITE_AT_ONCE);
      const file = some.map((page) => encodeUf2Block({ ...page, number, blocks, family: this.#family }));
      await this.#drive.write(NAME, concat(file), io);
      progress?.((from + some.length) * PAYLOAD);
    }
  }

  /** The boot loader's own words: a block that is of another place would be read as this one's proof. */
  #payload(bytes: Uint8Array, index: number, address: number): Uint8Array {
    const block = decodeUf2Block(bytes, index * UF2_BLOCK);
    const fault = 'expected' in block ? block.expected : undefined;
    if (!('expected' in block) && block.address === address && block.payload.length === PAYLOAD) return block.payload;
    const detail = `${CURRENT} has ${fault === undefined ? 'another block' : `a block without ${fault}`} for ${hexAddress(address)}`;
    throw new FlashlineError('probe-protocol', { params: { url: this.#drive.url, detail } });
  }
}
