import { concat, isFilledWith, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice, FlashDigest } from '../flash-device.ts';
import { blockRequest, deflateBegin, OP, request } from './commands.ts';
import { FastReads } from './fast-reads.ts';
import { findSame } from './find-same.ts';
import { type Guard, imageStarts } from './guard.ts';
import { LineTrouble } from './loader.ts';
import { BLOCK, fullPackets, windowPackets } from './packets.ts';
import { md5, md5Of, type Piece, Pieces } from './pieces.ts';
import type { EspSession } from './session.ts';
import { slipFrame } from './slip.ts';

/** A packet of READ_FLASH; each is acknowledged before the next. */
const READ_PACKET = 0x1000;
const SECTOR = 0x1000;
const ERASE_BLOCK = 0x10000;
const ANSWER_MS = 3000;
/** Data sheets give typical times. */
const PATIENCE = 10;
/** Of MD5 and of reading, a thousand bytes a millisecond being the slowest thinkable flash. */
const READ_MS_PER_BYTE = 0.008;
/** Hashed at once in a survey: a question's way costs as much as reading 10 KiB, and what differs is read again to be found. */
const PART = 0x20000;

/**
 * SPI flash behind Espressif's stub. Data goes compressed. The stub erases what it is about to write: `erase` is only remembered, and
 * done for what nothing was written to by the time somebody looks. A valid flag that was cleared is looked at at once.
 */
export class EspFlash implements FlashDevice {
  readonly name = 'esp-stub';
  readonly programPart = PROGRAM_PART;
  readonly digest: FlashDigest;
  readonly #session: EspSession;
  readonly #guard: Guard;
  /** Sectors to be erased. */
  readonly #due = new Set<number>();
  /** Single sectors as they were left: valid flags, which are looked at again and again. By address. */
  readonly #left = new Map<number, Uint8Array>();
  readonly #pieces = new Pieces();
  readonly #reads: FastReads;
  /** It was seen to hold something: it has to be erased before it is written. */
  #isUsed = false;

  constructor(session: EspSession, guard: Guard) {
    this.#session = session;
    this.#guard = guard;
    this.#reads = new FastReads(session);
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
    const { chip } = this.#session;
    for (const at of imageStarts(address, address + wanted.length, chip.boot?.vectors ?? 0))
      this.#reads.allow(wanted.subarray(at - address));
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
    const cleared = [...this.#left].flatMap(([at, bytes]) => (isFilledWith(bytes, memory.erased) ? [at] : []));
    this.#changes(address, size);
    for (let at = address; at < address + size; at += SECTOR) this.#due.add(at);
    if (this.#isUsed) for (const at of cleared) await this.#eraseAround(at, io);
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
    const packets = this.#isUsed
      ? await windowPackets(bytes, erasesIn(address, bytes.length))
      : await fullPackets(bytes);
    const sectors = bytes.length / memory.page;
    const timeoutMs = ANSWER_MS + sectors * (memory.eraseMs + memory.wordUs / 1000) * PATIENCE;
    await this.#session.steady(
      address,
      timeoutMs,
      () => this.#write(address, bytes.length, packets, timeoutMs, io, progress),
      io,
    );
    for (let at = address; at < address + bytes.length; at += SECTOR) this.#due.delete(at);
    this.#wrote({ address, bytes: bytes.slice() });
    progress?.(bytes.length);
  }

  /** A sector that is as it was left is told by its digest: four thousand bytes less on the line. */
  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    await this.#eraseDue(io);
    const left = this.#left.get(address);
    if (left?.length === length && (await this.#hash(address, length, io)) === md5(left)) return left.slice();
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
    packets: readonly Uint8Array[],
    timeoutMs: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const { loader } = this.#session;
    await this.#reads.set(false, io);
    await loader.ask(OP.FLASH_DEFL_BEGIN, deflateBegin(size, packets.length, BLOCK, address), io, { timeoutMs });
    const framed = (index: number) =>
      slipFrame(blockRequest(OP.FLASH_DEFL_DATA, index, packets[index] ?? new Uint8Array()));
    let next = framed(0);
    for (let index = 0; index < packets.length; index++) {
      await loader.link.write(next, io);
      // While this one is on its way.
      next = framed(index + 1);
      // The answer says that it has come and that the one before is written.
      await loader.answer(OP.FLASH_DEFL_DATA, io, { timeoutMs });
      progress?.(Math.floor((size * (index + 1)) / packets.length));
    }
    // 1: the stub stays.
    await loader.ask(OP.FLASH_DEFL_END, request(OP.FLASH_DEFL_END, wordsToBytes([1])), io, { timeoutMs });
  }

  /** Words of READ_FLASH: address, length, bytes of a packet, packets ahead of their acknowledgement. Last comes the MD5. */
  async #readOnce(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const { loader } = this.#session;
    const words = wordsToBytes([address, length, READ_PACKET, 1]);
    await this.#reads.set(false, io);
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
    const told = await this.#hash(address, wanted.length, io);
    const isSame = told === md5(wanted);
    if (isSame) this.#pieces.prove({ address, bytes: wanted });
    this.#isUsed ||= !isSame && told !== md5(blank(wanted.length));
    return isSame;
  }

  /** What was proven is not hashed again, and nothing twice because of where parts end. */
  async #digestOf(address: number, length: number, io: IoContext): Promise<string> {
    await this.#eraseDue(io);
    const known = this.#pieces.cover(address, length);
    if (!known) return this.#hash(address, length, io);
    for (const { piece } of known) {
      if (piece.proven || (await this.#isSame(piece.address, piece.bytes, io))) continue;
      this.#reads.forbid();
      return this.#hash(address, length, io);
    }
    return md5Of(known);
  }

  async #hash(address: number, length: number, io: IoContext): Promise<string> {
    if (this.#reads.areToBeTried) await this.#tryFast(address, Math.min(length, SECTOR), io);
    // Switching costs more than it saves of a single sector.
    const pays = length > SECTOR || this.#reads.areOn;
    return this.#hashOnce(address, length, pays && this.#reads.areTrusted, io);
  }

  /** By the first sector in which there is anything. */
  async #tryFast(address: number, length: number, io: IoContext): Promise<void> {
    const slow = await this.#hashOnce(address, length, false, io);
    if (slow === md5(blank(length))) return;
    while (this.#reads.areToBeTried) {
      if ((await this.#hashOnce(address, length, true, io)) === slow) this.#reads.trust();
      else this.#reads.next();
    }
  }

  #hashOnce(address: number, length: number, fast: boolean, io: IoContext): Promise<string> {
    const { loader } = this.#session;
    const words = request(OP.SPI_FLASH_MD5, wordsToBytes([address, length, 0, 0]));
    const timeoutMs = ANSWER_MS + length * READ_MS_PER_BYTE;
    const ask = async () => {
      await this.#reads.set(fast, io);
      const { body } = await loader.ask(OP.SPI_FLASH_MD5, words, io, { data: 16, timeoutMs });
      return toHex(body.subarray(0, 16));
    };
    return this.#session.steady(address, timeoutMs, ask, io);
  }

  async #eraseDue(io: IoContext): Promise<void> {
    for (const { address, size } of runsOf(this.#due)) {
      await this.#eraseNow(address, size, io);
      for (let at = address; at < address + size; at += SECTOR) this.#due.delete(at);
      this.#wrote({ address, bytes: blank(size) });
    }
  }

  /**
   * Behind a valid flag that was cleared the stub would erase a block's other sectors one by one: where they are all due, they are erased
   * with it.
   */
  async #eraseAround(cleared: number, io: IoContext): Promise<void> {
    const block = cleared - (cleared % ERASE_BLOCK);
    const sectors = Array.from({ length: ERASE_BLOCK / SECTOR }, (_, index) => block + index * SECTOR);
    if (!sectors.every((at) => at === cleared || this.#due.has(at))) return;
    await this.#eraseNow(block, ERASE_BLOCK, io);
    for (const at of sectors) this.#due.delete(at);
  }

  async #eraseNow(address: number, size: number, io: IoContext): Promise<void> {
    const { loader } = this.#session;
    const words = request(OP.ERASE_REGION, wordsToBytes([address, size]));
    const timeoutMs = ANSWER_MS + (size / SECTOR) * SECTOR_MS * PATIENCE;
    const ask = async () => {
      await this.#reads.set(false, io);
      await loader.ask(OP.ERASE_REGION, words, io, { timeoutMs });
    };
    await this.#session.steady(address, timeoutMs, ask, io);
  }

  #wrote(piece: Piece): void {
    this.#pieces.write(piece);
    if (piece.bytes.length === SECTOR) this.#left.set(piece.address, piece.bytes);
  }

  #changes(address: number, size: number): void {
    if (address % SECTOR !== 0 || size % SECTOR !== 0) throw new RangeError(`not whole sectors: ${size} at ${address}`);
    this.#pieces.forget(address, size);
    for (let at = address; at < address + size; at += SECTOR) this.#left.delete(at);
  }
}

function blank(size: number): Uint8Array {
  return new Uint8Array(size).fill(0xff);
}

/** Between two parts the line waits for the last write of the first, 0.1 s; line trouble costs a part. */
const PROGRAM_PART = 0x200000;

/** W25Q32JV data sheet, 9.6: tSE, typical. */
const SECTOR_MS = 45;

/** How many commands erase the range behind its first sectors, which may be blank. */
function erasesIn(address: number, size: number): number {
  const first = Math.ceil(address / ERASE_BLOCK);
  const end = address + size;
  const blocks = Math.max(0, Math.floor(end / ERASE_BLOCK) - first);
  return blocks + (end % ERASE_BLOCK) / SECTOR;
}

function runsOf(sectors: ReadonlySet<number>): { readonly address: number; readonly size: number }[] {
  const runs: { address: number; size: number }[] = [];
  for (const address of [...sectors].toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.address + last.size === address) last.size += SECTOR;
    else runs.push({ address, size: SECTOR });
  }
  return runs;
}
