import { equalBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { PageState } from '../../plan/page-state.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice, FlashDigest } from '../flash-device.ts';
import { pageStates } from '../survey.ts';
import { PendingErases } from '../pending-erases.ts';
import { crc16 } from './crc16.ts';
import { murmur3 } from './murmur3.ts';
import type { Hf2Client } from './hf2-client.ts';
import type { UnitDigest } from './unit-digest.ts';
import type { WordWriter } from './word-writer.ts';

/** Where checksums are taken a second time, from a page's start: nothing aligned in firmware has this period. */
const SHIFT = 0.25;

/**
 * Flash behind a UF2 boot loader's HID side. WRITE FLASH PAGE erases and writes in one: an erase waits until its page is
 * programmed, or looked at, and is then part of that. Read-back is READ WORDS, through the packets that everything takes; the proof is a
 * SHA-256 that the unit makes, where it does.
 */
export class Hf2Flash implements FlashDevice {
  readonly name = 'HF2 boot loader';
  readonly digest?: FlashDigest;
  readonly #client: Hf2Client;
  readonly #words: WordWriter | undefined;
  readonly #unit: UnitDigest | undefined;
  readonly #pending = new PendingErases();

  /** `words` where single words can be programmed: the description's memories then have `word: 4`. */
  constructor(client: Hf2Client, words: WordWriter | undefined, digest?: UnitDigest) {
    this.#client = client;
    this.#words = words;
    this.#unit = digest;
    if (!digest) return;
    const of = async (address: number, length: number, io: IoContext) => {
      await this.#settle(address, length, io);
      return digest.of(address, length, io);
    };
    this.digest = {
      algorithm: 'sha256',
      of,
      get refusal() {
        return digest.refusal;
      },
    };
  }

  async survey(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress) {
    const states: PageState[] = pageStates(memory, address, await this.read(address, size, io, progress));
    return states;
  }

  async holds(memory: FlashMemory, address: number, wanted: Uint8Array, io: IoContext, progress?: Progress) {
    const { page } = memory;
    const hashes = await this.#unit?.pageHashes(page, address, Math.floor(wanted.length / page), io);
    if (!hashes) return this.#holdsByCrc(memory, address, wanted, io, progress);
    progress?.(wanted.length);
    return hashes.map((hash, index) => hash === murmur3(wanted.subarray(index * page, (index + 1) * page)));
  }

  /**
   * By CRC-16s, which two pages in 65,536 share: so a second one of each page is taken over windows that begin a quarter
   * of a page later, which tell of pages whose neighbours are as wanted; whatever they do not confirm is read.
   */
  async #holdsByCrc(
    memory: FlashMemory,
    address: number,
    wanted: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<boolean[]> {
    const { page } = memory;
    const first = await this.#sameChecksums(page, address, wanted, io);
    progress?.(wanted.length / 2);
    const shift = page * SHIFT;
    const windows = wanted.subarray(shift, wanted.length - (page - shift));
    const second = await this.#sameChecksums(page, address + shift, windows, io);
    const sure: boolean[] = [];
    for (const [index, same] of first.entries()) {
      const amongSame = first[index - 1] === true && first[index + 1] === true;
      const twice = amongSame && second[index - 1] === true && second[index] === true;
      const bytes = wanted.subarray(index * page, (index + 1) * page);
      sure.push(same && (twice || (await this.#reads(address + index * page, bytes, io))));
      progress?.((wanted.length + index * page) / 2);
    }
    return sure;
  }

  async erase(memory: FlashMemory, address: number, size: number, _io: IoContext, progress?: Progress): Promise<void> {
    this.#pending.add(memory, address, size);
    progress?.(size);
  }

  async program(memory: FlashMemory, address: number, bytes: Uint8Array, io: IoContext, progress?: Progress) {
    for (let at = 0; at < bytes.length;) {
      const { page } = memory;
      const start = address + at - ((address + at - memory.start) % page);
      const size = Math.min(start + page - (address + at), bytes.length - at);
      const part = bytes.subarray(at, at + size);
      if (size === page || this.#pending.take(start)) {
        // All else of a page that waits for its erase is erased in the end.
        const whole = new Uint8Array(page).fill(memory.erased);
        whole.set(part, address + at - start);
        this.#pending.take(start);
        await this.#client.writePage(start, whole, io);
      } else if (this.#words) {
        await this.#words.program(address + at, part, io);
      } else {
        throw new RangeError(`${size} bytes of a page at ${start} cannot be programmed alone`);
      }
      at += size;
      progress?.(at);
    }
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.#settle(address, length, io);
    const from = address - (address % 4);
    const out = new Uint8Array(Math.ceil((address + length - from) / 4) * 4);
    const step = this.#client.readBytes;
    for (let at = 0; at < out.length; at += step) {
      const words = Math.min(step, out.length - at) / 4;
      out.set(await this.#client.readWords(from + at, words, io), at);
      progress?.(Math.min(at + words * 4, length));
    }
    return out.subarray(address - from, address - from + length);
  }

  async finish(io: IoContext): Promise<void> {
    await this.#settle(0, Infinity, io);
  }

  async #settle(address: number, length: number, io: IoContext): Promise<void> {
    for (const { memory, start } of this.#pending.within(address, length)) {
      this.#pending.take(start);
      if (this.#words) await this.#words.eraseRow(start, io);
      else await this.#client.writePage(start, new Uint8Array(memory.page).fill(memory.erased), io);
    }
  }

  /** Whether each whole page of `wanted` has its checksum on the unit. */
  async #sameChecksums(page: number, address: number, wanted: Uint8Array, io: IoContext): Promise<boolean[]> {
    const same: boolean[] = [];
    const total = Math.max(0, Math.floor(wanted.length / page));
    while (same.length < total) {
      const at = same.length * page;
      const count = Math.min(this.#client.mostChecksums, total - same.length);
      for (const [index, found] of (await this.#client.checksums(address + at, count, io)).entries()) {
        same.push(crc16(wanted.subarray(at + index * page, at + (index + 1) * page)) === found);
      }
    }
    return same;
  }

  async #reads(address: number, wanted: Uint8Array, io: IoContext): Promise<boolean> {
    return equalBytes(await this.read(address, wanted.length, io), wanted);
  }
}
