import { equalBytes, hexAddress, readU32, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Hf2Digest } from '#shared/model/interfaces/hf2.ts';
import * as layout from './digest-code.ts';
import type { Hf2Client } from './hf2-client.ts';

/**
 * Hashed in one go, for as long as the boot loader looks after nothing: 45 ms at 48 MHz. USB says NAK meanwhile; control transfers, which
 * a host sends now and then, may take five seconds (USB 2.0, 9.2.6.1).
 */
const PART = 0x8000;
/** SysTick counts to 2^24 at most, and boot loaders' to a few milliseconds: an assumption. One that has not come by then is none. */
const TICK_MS = 100;

/** Of the code itself: a block, and one that is made of the end and of padding. */
const TRIED_BYTES = 119;

/** Putting the code there takes as long as reading this. */
const LEAST_BYTES = 0x1000;

/** Where vectors of the boot loader may lead. */
interface BootLoaderPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * SHA-256 that the unit makes of its own flash. WRITE WORDS puts code of ours into RAM that the boot loader does not use, with a copy of
 * its vectors of which SysTick's leads into that code; once VTOR points there, the next tick runs it. It puts VTOR back before anything
 * else, hashes, and returns into the boot loader, which answers again. A unit that is not just as described is left alone, and says why.
 */
export class UnitDigest {
  readonly #client: Hf2Client;
  readonly #digest: Hf2Digest;
  readonly #bootLoader: BootLoaderPlace;
  #isInstalled = false;
  #refusal: string | undefined;

  constructor(client: Hf2Client, digest: Hf2Digest, firmware: number) {
    this.#client = client;
    this.#digest = digest;
    this.#bootLoader = { start: digest.vectors, end: firmware };
  }

  /** Why the unit makes no digests; undefined as long as nothing speaks against it. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Lower-case hexadecimal, of [address, address + length); undefined where the unit makes none. */
  of(address: number, length: number, io: IoContext): Promise<string | undefined> {
    return this.#ask(length, () => this.#hash(address, length, io), io);
  }

  /** MurmurHash3 of so many pages from `address` on: a hint. Undefined where the unit makes none. */
  pageHashes(page: number, address: number, pages: number, io: IoContext): Promise<number[] | undefined> {
    return this.#ask(page * pages, () => this.#hashPages(page, address, pages, io), io);
  }

  async #ask<T>(bytes: number, ask: () => Promise<T>, io: IoContext): Promise<T | undefined> {
    try {
      if (this.#refusal !== undefined || (!this.#isInstalled && bytes < LEAST_BYTES)) return undefined;
      if (!this.#isInstalled) await this.#install(io);
      return await ask();
    } catch (error) {
      // What does not know READ or WRITE WORDS says so; a unit that says nothing any more is none to go on with.
      if (error instanceof Unsuited) this.#refusal = error.message;
      else if (error instanceof FlashlineError && error.failure.code === 'probe-protocol')
        this.#refusal = String(error.failure.params['detail']);
      else throw error;
      return undefined;
    }
  }

  /** The code in its place, read back and tried on itself. */
  async #install(io: IoContext): Promise<void> {
    const code = await layout.loadDigestCode(this.#digest.code);
    const { ram } = this.#digest;
    const vectors = await this.#vectors(io);
    new DataView(vectors.buffer).setUint32(layout.SYSTICK_VECTOR * 4, ram + code.handler + 1, true);
    await this.#put(ram, vectors, io);
    await this.#put(ram + code.load, code.bytes, io);
    const own = await this.#hash(ram + code.load, TRIED_BYTES, io);
    if (own !== sha256Hex(code.bytes.subarray(0, TRIED_BYTES)))
      throw new Unsuited('the digest of what is known is wrong');
    this.#isInstalled = true;
  }

  /** The boot loader's own, as it uses them. */
  async #vectors(io: IoContext): Promise<Uint8Array> {
    const { ram, vectors: at } = this.#digest;
    const { start, end } = this.#bootLoader;
    if ((await this.#word(layout.VTOR, io)) !== at) throw new Unsuited('its vectors are elsewhere');
    if (((await this.#word(layout.SYST_CSR, io)) & layout.SYST_TICKS) !== layout.SYST_TICKS)
      throw new Unsuited('its SysTick does not run');
    const vectors = (await this.#client.readWords(at, layout.VECTORS, io)).slice();
    const stack = readU32(vectors, 0);
    // The stack grows down: what it begins at is the end of what the boot loader uses.
    if (stack > ram || stack < ram - (ram & RAM_MASK)) throw new Unsuited(`its stack begins at ${hexAddress(stack)}`);
    for (const index of [layout.RESET_VECTOR, layout.SYSTICK_VECTOR]) {
      const vector = readU32(vectors, index * 4);
      if ((vector & 1) === 0 || vector < start || vector >= end)
        throw new Unsuited(`its vector ${index} leads to ${hexAddress(vector)}`);
    }
    return vectors;
  }

  async #put(address: number, bytes: Uint8Array, io: IoContext): Promise<void> {
    const most = this.#client.writeBytes;
    for (let at = 0; at < bytes.length; at += most) {
      const size = Math.min(most, bytes.length - at);
      const words = Array.from({ length: size / 4 }, (_, index) => readU32(bytes, at + index * 4));
      await this.#client.writeWords(address + at, words, io);
    }
    const step = this.#client.readBytes;
    for (let at = 0; at < bytes.length; at += step) {
      const wanted = bytes.subarray(at, at + step);
      const found = await this.#client.readWords(address + at, wanted.length / 4, io);
      if (!equalBytes(found, wanted))
        throw new Unsuited(`its RAM does not hold what was put to ${hexAddress(address)}`);
    }
  }

  async #hash(address: number, length: number, io: IoContext): Promise<string> {
    let box = new Uint8Array();
    for (let at = 0; at === 0 || at < length; at += PART) {
      const size = Math.min(PART, length - at);
      const flags = (at === 0 ? layout.FLAGS.begins : 0) | (at + size === length ? layout.FLAGS.ends : 0);
      box = await this.#run([flags, address + at, size, length, 0], io);
    }
    return toHex(box.subarray(layout.BOX_DIGEST));
  }

  async #hashPages(page: number, address: number, pages: number, io: IoContext): Promise<number[]> {
    const hashes: number[] = [];
    while (hashes.length < pages) {
      const count = Math.min(layout.MOST_PAGES, pages - hashes.length);
      await this.#run([layout.FLAGS.pages, address + hashes.length * page, count * page, 0, page], io);
      const step = this.#client.readBytes / 4;
      for (let at = 0; at < count; at += step) {
        const words = Math.min(step, count - at);
        const found = await this.#client.readWords(this.#digest.ram + layout.HASHES + at * 4, words, io);
        for (let index = 0; index < words; index++) hashes.push(readU32(found, index * 4));
      }
    }
    return hashes;
  }

  /** The box, as the code left it; `request` from its flags on. */
  async #run(request: readonly number[], io: IoContext): Promise<Uint8Array<ArrayBuffer>> {
    const { ram, vectors } = this.#digest;
    await this.#client.writeWords(ram + layout.BOX, [layout.PENDING, vectors, ...request], io);
    await this.#client.writeWords(layout.VTOR, [ram], io);
    const until = io.clock.monotonic() + TICK_MS;
    do {
      // While the code runs nobody answers: an answer is of before, or of after.
      const box = await this.#client.readWords(ram + layout.BOX, layout.BOX_WORDS, io);
      const status = readU32(box, 0);
      if (status === layout.DONE) return box.slice();
      if (status !== layout.PENDING) break;
    } while (io.clock.monotonic() < until);
    await this.#client.writeWords(layout.VTOR, [vectors], io);
    throw new Unsuited('its SysTick does not run code in RAM');
  }

  async #word(address: number, io: IoContext): Promise<number> {
    return readU32(await this.#client.readWords(address, 1, io), 0);
  }
}

/** RAM begins at a multiple of a megabyte. */
const RAM_MASK = 0xfffff;

/** The unit is not as described; it has not been changed. */
class Unsuited extends Error {}
