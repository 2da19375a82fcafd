import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { concat, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice, FlashDigest } from '../flash-device.ts';
import { blockRequest, deflateBegin, OP, request } from './commands.ts';
import { findSame } from './find-same.ts';
import type { Guard } from './guard.ts';
import { LineTrouble } from './loader.ts';
import type { EspSession } from './session.ts';
import { slipFrame } from './slip.ts';

/** What the stub has room for, twice: one block is received while the one before is inflated and written. */
const BLOCK = 0x4000;
/** A packet of READ_FLASH; each is acknowledged before the next. */
const READ_PACKET = 0x1000;
const SECTOR = 0x1000;
const ANSWER_MS = 3000;
/** Data sheets give typical times. */
const PATIENCE = 10;
/** Of MD5 and of reading, a thousand bytes a millisecond being the slowest thinkable flash. */
const READ_MS_PER_BYTE = 0.008;
/**
 * Hashed at once in a survey. Reading is what costs (2 MB/s), a question only its way: so what differs is known at once and need
 * not be read again to be found.
 */
const PART = 0x10000;

/** What stands in the flash. */
interface Piece {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const packed = promisify<Uint8Array, { level: number }, Buffer>(deflate);

/**
 * SPI flash behind Espressif's stub. Data goes compressed. The stub erases what it is about to write: `erase` of more than
 * a sector is only remembered, and done for what nothing was written to by the time somebody looks.
 */
export class EspFlash implements FlashDevice {
  readonly name = 'esp-stub';
  readonly digest: FlashDigest;
  readonly #session: EspSession;
  readonly #guard: Guard;
  /** Sectors to be erased. */
  readonly #due = new Set<number>();
  /** Single sectors as they were left: valid flags, which are looked at again and again. */
  #left: { readonly address: number; readonly bytes: Uint8Array }[] = [];
  /** What the unit's digest proved, and nothing has changed since. */
  #proven: Piece[] = [];
  /** What was written since, and not hashed yet. */
  #written: Piece[] = [];

  constructor(session: EspSession, guard: Guard) {
    this.#session = session;
    this.#guard = guard;
    this.digest = { algorithm: 'md5', of: (address, length, io) => this.#digestOf(address, length, io) };
  }

  async holds(
    memory: FlashMemory,
    address: number,
    wanted: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<boolean[]> {
    this.#guard(address, wanted, false);
    const { usedHz } = this.#session.rate;
    const same = await findSame({
      wanted,
      page: memory.page,
      part: (offset) => PART - ((address + offset) % PART),
      isSame: (offset, bytes) => this.#isSame(address + offset, bytes, io),
      // Looking closer pays while it costs less than a good part of writing everything.
      giveUpAt: io.clock.monotonic() + (wanted.length * 10_000) / usedHz / 4,
      now: () => io.clock.monotonic(),
      progress,
    });
    if (same.includes(false)) {
      same.forEach((isSame, index) => {
        const at = index * memory.page;
        if (!isSame) this.#guard(address + at, wanted.subarray(at, at + memory.page), true);
      });
    }
    return same;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    this.#changes(address, size);
    // A single one may be a valid flag: that is cleared here and now.
    if (size <= memory.page) {
      await this.#eraseNow(memory.eraseMs, address, size, io);
      const blank = { address, bytes: new Uint8Array(size).fill(memory.erased) };
      this.#left.push(blank);
      this.#written.push(blank);
    } else for (let at = address; at < address + size; at += SECTOR) this.#due.add(at);
    progress?.(size);
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    this.#changes(address, bytes.length);
    const data = await packed(bytes, { level: 9 });
    const sectors = bytes.length / memory.page;
    const timeoutMs = ANSWER_MS + sectors * (memory.eraseMs + memory.wordUs / 1000) * PATIENCE;
    await this.#session.steady(
      address,
      timeoutMs,
      () => this.#write(address, bytes.length, data, timeoutMs, io, progress),
      io,
    );
    for (let at = address; at < address + bytes.length; at += SECTOR) this.#due.delete(at);
    this.#written.push({ address, bytes: bytes.slice() });
    if (sectors === 1) this.#left.push({ address, bytes: bytes.slice() });
    progress?.(bytes.length);
  }

  /** A sector that is as it was left is told by its digest: four thousand bytes less on the line. */
  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.#eraseDue(io);
    const left = this.#left.find((known) => known.address === address && known.bytes.length === length);
    if (left && (await this.#hash(address, length, io)) === md5(left.bytes)) return left.bytes.slice();
    const timeoutMs = ANSWER_MS;
    return this.#session.steady(address, timeoutMs, () => this.#readOnce(address, length, io, progress), io);
  }

  /** Nothing is open: the stub writes through, and what is due was erased before it was read back. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  async #write(
    address: number,
    size: number,
    data: Uint8Array,
    timeoutMs: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const { loader } = this.#session;
    await loader.ask(OP.FLASH_DEFL_BEGIN, deflateBegin(size, data.length, BLOCK, address), io, { timeoutMs });
    const blocks = Math.ceil(data.length / BLOCK);
    const framed = (index: number) =>
      slipFrame(blockRequest(OP.FLASH_DEFL_DATA, index, data.subarray(index * BLOCK, (index + 1) * BLOCK)));
    let next = framed(0);
    for (let index = 0; index < blocks; index++) {
      await loader.link.write(next, io);
      // While this one is on its way.
      next = framed(index + 1);
      // The answer says that it has come and that the one before is written.
      await loader.answer(OP.FLASH_DEFL_DATA, io, { timeoutMs });
      progress?.(Math.floor((size * (index + 1)) / blocks));
    }
    // 1: the stub stays.
    await loader.ask(OP.FLASH_DEFL_END, request(OP.FLASH_DEFL_END, wordsToBytes([1])), io, { timeoutMs });
  }

  /** Words of READ_FLASH: address, length, bytes of a packet, packets ahead of their acknowledgement. Last comes the MD5. */
  async #readOnce(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const { loader } = this.#session;
    const words = wordsToBytes([address, length, READ_PACKET, 1]);
    await loader.ask(OP.READ_FLASH, request(OP.READ_FLASH, words), io, { timeoutMs: ANSWER_MS });
    const parts: Uint8Array[] = [];
    for (let done = 0; done < length;) {
      const packet = await loader.frame(io.clock.monotonic() + ANSWER_MS, io);
      done += packet.length;
      if (packet.length === 0 || done > length) throw new LineTrouble('spoiled', 'a packet of another length');
      parts.push(packet);
      await loader.send(wordsToBytes([done]), io);
      progress?.(done);
    }
    const bytes = concat(parts);
    const told = toHex(await loader.frame(io.clock.monotonic() + ANSWER_MS, io));
    if (told !== md5(bytes)) throw new LineTrouble('spoiled', 'what was read arrived changed');
    return bytes;
  }

  async #isSame(address: number, wanted: Uint8Array, io: IoContext): Promise<boolean> {
    const isSame = (await this.#hash(address, wanted.length, io)) === md5(wanted);
    if (isSame) this.#proven.push({ address, bytes: wanted });
    return isSame;
  }

  async #digestOf(address: number, length: number, io: IoContext): Promise<string> {
    await this.#eraseDue(io);
    const known = cover([...this.#proven, ...this.#written], address, length);
    if (!known) return this.#hash(address, length, io);
    for (const { piece } of known.filter((each) => this.#written.includes(each.piece))) {
      if (!(await this.#isSame(piece.address, piece.bytes, io))) return this.#hash(address, length, io);
      this.#written = this.#written.filter((each) => each !== piece);
    }
    const hash = createHash('md5');
    for (const { piece, from, to } of known)
      hash.update(piece.bytes.subarray(from - piece.address, to - piece.address));
    return hash.digest('hex');
  }

  #hash(address: number, length: number, io: IoContext): Promise<string> {
    const { loader } = this.#session;
    const words = request(OP.SPI_FLASH_MD5, wordsToBytes([address, length, 0, 0]));
    const timeoutMs = ANSWER_MS + length * READ_MS_PER_BYTE;
    const ask = async () =>
      toHex((await loader.ask(OP.SPI_FLASH_MD5, words, io, { data: 16, timeoutMs })).body.subarray(0, 16));
    return this.#session.steady(address, timeoutMs, ask, io);
  }

  async #eraseDue(io: IoContext): Promise<void> {
    for (const { address, size } of runsOf(this.#due)) {
      await this.#eraseNow(SECTOR_MS, address, size, io);
      for (let at = address; at < address + size; at += SECTOR) this.#due.delete(at);
    }
  }

  async #eraseNow(sectorMs: number, address: number, size: number, io: IoContext): Promise<void> {
    const { loader } = this.#session;
    const words = request(OP.ERASE_REGION, wordsToBytes([address, size]));
    const timeoutMs = ANSWER_MS + (size / SECTOR) * sectorMs * PATIENCE;
    await this.#session.steady(address, timeoutMs, () => loader.ask(OP.ERASE_REGION, words, io, { timeoutMs }), io);
  }

  #changes(address: number, size: number): void {
    if (address % SECTOR !== 0 || size % SECTOR !== 0) throw new RangeError(`not whole sectors: ${size} at ${address}`);
    const isApart = (known: Piece) => known.address + known.bytes.length <= address || known.address >= address + size;
    this.#proven = this.#proven.filter(isApart);
    this.#written = this.#written.filter(isApart);
  }
}

/** Parts of pieces that make up the range without a gap, in order; undefined where there is one. */
function cover(pieces: readonly Piece[], address: number, length: number) {
  const found: { readonly piece: Piece; readonly from: number; readonly to: number }[] = [];
  const end = address + length;
  let at = address;
  for (const piece of pieces.toSorted((a, b) => a.address - b.address)) {
    const to = Math.min(end, piece.address + piece.bytes.length);
    if (to <= at) continue;
    if (piece.address > at) return undefined;
    found.push({ piece, from: at, to });
    at = to;
    if (at === end) return found;
  }
  return undefined;
}

/** W25Q32JV data sheet, 9.6: tSE, typical. */
const SECTOR_MS = 45;

function runsOf(sectors: ReadonlySet<number>): { readonly address: number; readonly size: number }[] {
  const runs: { address: number; size: number }[] = [];
  for (const address of [...sectors].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.address + last.size === address) last.size += SECTOR;
    else runs.push({ address, size: SECTOR });
  }
  return runs;
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
