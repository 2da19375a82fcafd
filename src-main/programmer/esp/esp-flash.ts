import { concat, isFilledWith, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice, FlashDigest } from '../flash-device.ts';
import { blockRequest, deflateBegin, OP, request } from './commands.ts';
import { FastReads } from './fast-reads.ts';
import { findSame, type Place } from './find-same.ts';
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
/** Hashed at once in a survey: what differs is read again, page by page. */
const PART = 0x10000;

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
  /** As the stub reads it by itself, a sector in which there is something: fast reads are tried by it. */
  #trial: (Range & { readonly digest: string }) | undefined;
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
      areSame: (places, closely) => this.#areSame(address, places, !closely, io),
      wasMisled: () => this.#reads.doubt(),
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

  async #areSame(address: number, places: readonly Place[], fast: boolean, io: IoContext): Promise<boolean[]> {
    const ranges = places.map(({ offset, bytes }) => ({ address: address + offset, length: bytes.length }));
    if (fast) await this.#tryFast(address + firstTelling(places), io);
    const told = await this.#hashes(ranges, fast && this.#reads.areTrusted, io);
    return places.map(({ offset, bytes }, index) => {
      const isSame = told[index] === md5(bytes);
      if (isSame) this.#pieces.prove({ address: address + offset, bytes });
      this.#isUsed ||= !isSame && told[index] !== md5(blank(bytes.length));
      return isSame;
    });
  }

  /** What was proven is not hashed again, and nothing twice because of where parts end. */
  async #digestOf(address: number, length: number, io: IoContext): Promise<string> {
    await this.#eraseDue(io);
    const known = this.#pieces.cover(address, length);
    if (!known) return this.#hash(address, length, io);
    const open = known.flatMap(({ piece: { address: offset, bytes, proven } }) => (proven ? [] : [{ offset, bytes }]));
    const fast = this.#pays(open.reduce((sum, { bytes }) => sum + bytes.length, 0));
    if (open.length === 0 || !(await this.#areSame(0, open, fast, io)).includes(false)) return md5Of(known);
    this.#reads.forbid();
    return this.#hash(address, length, io);
  }

  async #hash(address: number, length: number, io: IoContext): Promise<string> {
    const fast = this.#pays(length);
    if (fast) await this.#tryFast(address, io);
    const [told = ''] = await this.#hashes([{ address, length }], fast && this.#reads.areTrusted, io);
    return told;
  }

  /** Switching costs more than it saves of a single sector. */
  #pays(length: number): boolean {
    return length > SECTOR || this.#reads.areOn;
  }

  /** By a sector that was read for its digest before, or the one there, if there is anything in it. */
  async #tryFast(address: number, io: IoContext): Promise<void> {
    if (!this.#reads.areToBeTried) return;
    if (!this.#trial) await this.#hashes([{ address, length: SECTOR }], false, io);
    const trial = this.#trial;
    if (!trial) return;
    while (this.#reads.areToBeTried) {
      const [told] = await this.#hashes([trial], true, io);
      if (told === trial.digest) this.#reads.trust();
      else this.#reads.next();
    }
  }

  async #hashes(ranges: readonly Range[], fast: boolean, io: IoContext): Promise<string[]> {
    const { loader } = this.#session;
    const words = ranges.map(({ address, length }) => request(OP.SPI_FLASH_MD5, wordsToBytes([address, length, 0, 0])));
    const timeoutMs = ANSWER_MS + Math.max(...ranges.map(({ length }) => length)) * READ_MS_PER_BYTE;
    const ask = async () => {
      await this.#reads.set(fast, io);
      const answers = await loader.askAll(OP.SPI_FLASH_MD5, words, io, { data: 16, timeoutMs });
      return answers.map(({ body }) => toHex(body.subarray(0, 16)));
    };
    const told = await this.#session.steady(ranges[0]?.address ?? 0, timeoutMs, ask, io);
    ranges.forEach((range, index) => {
      const digest = told[index] ?? '';
      if (!fast && range.length === SECTOR && digest !== BLANK_SECTOR) this.#trial = { ...range, digest };
    });
    return told;
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
    this.#wrote({ address: block, bytes: blank(ERASE_BLOCK) });
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
    this.#trial = undefined;
    for (let at = address; at < address + size; at += SECTOR) this.#left.delete(at);
  }
}

interface Range {
  readonly address: number;
  readonly length: number;
}

function blank(size: number): Uint8Array {
  return new Uint8Array(size).fill(0xff);
}

/** Where the first sector is that is not blank. */
function firstTelling(places: readonly Place[]): number {
  for (const { offset, bytes } of places) {
    for (let at = 0; at < bytes.length; at += SECTOR)
      if (!isFilledWith(bytes.subarray(at, at + SECTOR), 0xff)) return offset + at;
  }
  return places[0]?.offset ?? 0;
}

const BLANK_SECTOR = md5(blank(SECTOR));

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
