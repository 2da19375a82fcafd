import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Transfer } from '../probe/debug-port.ts';
import type { AddressedWord, MemoryAccess, Progress } from '../probe/memory-access.ts';
import type { Adi } from './adi.ts';

/** MEM-AP registers, all in bank 0 (ADIv5.2, C2.6). */
const CSW = 0x0;
const TAR = 0x4;
const DRW = 0xc;

/** CSW: access size in bits 2-0, address increment in bits 5-4; the rest is the bus's protection bits. */
const CSW_OURS = 0x37;
const SINGLE_INCREMENT = 0x10;
/** HPROT[1]: a privileged access, without which a Cortex-M's own registers fault. */
const CSW_PRIVILEGED = 0x0200_0000;

/** The address counter is only promised to count within 1 KiB (ADIv5.2, C2.2.2). */
const WRAP = 0x400;
/** Cortex-M's access ports count within 4 KiB; none that we know counts further without our setting it. */
const MOST_WRAP = 0x1000;

/** One batch, and what is read again when the wire was noisy; its seams cost one round trip each. */
const BATCH_BYTES = 0x8000;

/** Some bytes of a range that move with one access size: `words` accesses of `size` bytes. */
interface Piece {
  readonly address: number;
  readonly size: 1 | 2 | 4;
  readonly words: number;
}

/**
 * Memory through a MEM-AP. Aligned parts go as 32-bit words, the edges as bytes and halfwords, so that nothing beside
 * the range is touched. Reads are repeated after wire noise, writes are not: a register may act twice.
 */
export class MemAp implements MemoryAccess {
  readonly #adi: Adi;
  readonly #ap: number;
  readonly #protection: number;
  /** CSW as last written in the debug port's epoch, or undefined when a failure may have lost it. */
  #csw: number | undefined;
  #epoch = -1;

  private constructor(adi: Adi, ap: number, protection: number) {
    this.#adi = adi;
    this.#ap = ap;
    this.#protection = protection;
  }

  static async open(adi: Adi, ap: number, io: IoContext): Promise<MemAp> {
    const csw = await adi.readAp(ap, CSW, io);
    return new MemAp(adi, ap, ((csw & ~CSW_OURS) | CSW_PRIVILEGED) >>> 0);
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += BATCH_BYTES) {
      const part = out.subarray(at, Math.min(length, at + BATCH_BYTES));
      await this.#adi.repeatedOnNoise(
        () => this.#readPart(address + at, part, io, progress && ((bytes) => progress(at + bytes))),
        io,
      );
    }
    return out;
  }

  async #readPart(address: number, out: Uint8Array, io: IoContext, progress?: Progress): Promise<void> {
    const pieces = splitBySize(address, out.length);
    const batch: Transfer[] = [];
    for (const piece of pieces) {
      batch.push(...this.#approach(piece), { port: 'ap', address: DRW, readCount: piece.words });
    }
    const words = await this.#carry(batch, address, out.length, io, progress);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    let next = 0;
    for (const piece of pieces) {
      for (let i = 0; i < piece.words; i++) {
        const at = piece.address + i * piece.size;
        putWord(view, at - address, piece.size, (words[next++] ?? 0) >>> laneShift(at, piece.size));
      }
    }
  }

  async readEach(addresses: readonly number[], length: number, io: IoContext): Promise<Uint8Array> {
    const out = new Uint8Array(addresses.length * length);
    const most = Math.max(1, Math.floor(BATCH_BYTES / (4 * length)));
    for (let first = 0; first < addresses.length; first += most) {
      const some = addresses.slice(first, first + most);
      await this.#adi.repeatedOnNoise(() => this.#readSome(some, out.subarray(first * length), length, io), io);
    }
    return out;
  }

  async #readSome(addresses: readonly number[], out: Uint8Array, length: number, io: IoContext): Promise<void> {
    const [first = 0] = addresses;
    const pieces = addresses.flatMap((address) => splitBySize(address, length));
    const batch = pieces.flatMap((piece): Transfer[] => [
      ...this.#approach(piece),
      { port: 'ap', address: DRW, readCount: piece.words },
    ]);
    const words = await this.#carry(batch, first, (addresses.at(-1) ?? first) + length - first, io);
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    let next = 0;
    let at = 0;
    for (const { address, size, words: count } of pieces) {
      for (let i = 0; i < count; i++, at += size) {
        putWord(view, at, size, (words[next++] ?? 0) >>> laneShift(address + i * size, size));
      }
    }
  }

  /**
   * A packet that gives up on WAIT does not stop those already sent behind it, and their words then go where the
   * counter stands. They never get ahead of the range, but where the counter wraps they may fall before its start:
   * so what comes before the first 1 KiB border is written and waited for by itself, and what comes before the first
   * 4 KiB border too (wherever in between a chip's counter wraps). Beyond, the window that they fall into is ours.
   */
  async write(address: number, bytes: Uint8Array, io: IoContext, progress?: Progress): Promise<void> {
    const borders = [WRAP, MOST_WRAP].map((border) => Math.min(bytes.length, (border - (address % border)) % border));
    let from = 0;
    for (const to of [...borders, bytes.length]) {
      if (to <= from) continue;
      const before = from;
      const part = progress && ((done: number) => progress(before + done));
      await this.#writePart(address + from, bytes.subarray(from, to), io, part);
      from = to;
    }
  }

  async #writePart(address: number, bytes: Uint8Array, io: IoContext, progress?: Progress): Promise<void> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const batch: Transfer[] = [];
    for (const piece of splitBySize(address, bytes.length)) {
      batch.push(...this.#approach(piece), { port: 'ap', address: DRW, words: wordsOf(view, piece, address) });
    }
    await this.#carry(batch, address, bytes.length, io, progress);
  }

  async readWord(address: number, io: IoContext): Promise<number> {
    const bytes = await this.read(address, 4, io);
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  writeWord(address: number, value: number, io: IoContext): Promise<void> {
    return this.writeWords([[address, value]], io);
  }

  async writeWords(words: readonly AddressedWord[], io: IoContext): Promise<void> {
    const batch = words.flatMap(([address, value]): Transfer[] => [
      ...this.#approach({ address, size: 4 }),
      { port: 'ap', address: DRW, read: false, value: value >>> 0 },
    ]);
    const addresses = words.map(([address]) => address);
    const first = Math.min(...addresses);
    await this.#carry(batch, first, Math.max(...addresses) + 4 - first, io);
  }

  async waitForWord(address: number, mask: number, value: number, timeoutMs: number, io: IoContext): Promise<void> {
    const started = io.clock.monotonic();
    const match = { port: 'ap', address: DRW, matchMask: mask >>> 0, matchValue: value >>> 0 } as const;
    for (;;) {
      const matched = await this.#adi.repeatedOnNoise(
        () =>
          // The probe reads over and over: the address must stand still.
          this.#guarded(address, 4, io, () => this.#adi.port.poll(this.#approach({ address, size: 4 }, 0), match, io)),
        io,
      );
      if (matched) return;
      if (io.clock.monotonic() - started > timeoutMs) {
        throw new FlashlineError('flash-timeout', {
          where: { address },
          params: { address: hexAddress(address), seconds: timeoutMs / 1000 },
        });
      }
    }
  }

  /** The transfers after which DRW is `piece`'s first access. */
  #approach({ address, size }: Pick<Piece, 'address' | 'size'>, increment = SINGLE_INCREMENT): Transfer[] {
    const csw = (this.#protection | increment | (size >>> 1)) >>> 0;
    const transfers = this.#adi.select(this.#ap, TAR);
    if (this.#epoch !== this.#adi.epoch) this.#csw = undefined;
    this.#epoch = this.#adi.epoch;
    if (csw !== this.#csw) transfers.push({ port: 'ap', address: CSW, read: false, value: csw });
    this.#csw = csw;
    transfers.push({ port: 'ap', address: TAR, read: false, value: address });
    return transfers;
  }

  #carry(
    batch: readonly Transfer[],
    address: number,
    length: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<Uint32Array> {
    return this.#guarded(address, length, io, () =>
      this.#adi.port.transfer(batch, io, progress && ((bytes) => progress(Math.min(bytes, length)))),
    );
  }

  /** Forgets what a failed batch may have left behind, and gives a bus fault its address. */
  async #guarded<T>(address: number, length: number, io: IoContext, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      this.#adi.forget();
      if (!(error instanceof FlashlineError) || error.failure.code !== 'target-fault') throw error;
      const at = await this.#faultAddress(address, length, io);
      throw new FlashlineError('target-fault', {
        where: { address: at },
        params: { address: hexAddress(at) },
        cause: error,
      });
    }
  }

  /** The address counter stands at the access that failed, or beyond it by what was posted; the range bounds it. */
  async #faultAddress(address: number, length: number, io: IoContext): Promise<number> {
    try {
      const tar = await this.#adi.readAp(this.#ap, TAR, { clock: io.clock, signal: new AbortController().signal });
      return tar >= address && tar < address + length ? tar : address;
    } catch (error) {
      // The fault is what must be told, not that its place could not be asked.
      if (error instanceof FlashlineError) return address;
      throw error;
    }
  }
}

/** A range as pieces of the largest access size that its alignment allows, none of which crosses the counter's wrap. */
function splitBySize(address: number, length: number): Piece[] {
  const pieces: Piece[] = [];
  const end = address + length;
  let at = address;
  while (at < end) {
    const size = at % 4 === 0 && end - at >= 4 ? 4 : at % 2 === 0 && end - at >= 2 ? 2 : 1;
    const upTo = Math.min(size === 4 ? end - (end % 4) : at + size, at - (at % WRAP) + WRAP);
    pieces.push({ address: at, size, words: (upTo - at) / size });
    at = upTo;
  }
  return pieces;
}

/** Bytes and halfwords travel on the lanes that their address picks (ADIv5.2, C2.2.6). */
function laneShift(address: number, size: number): number {
  return size === 4 ? 0 : 8 * (address & 3);
}

function putWord(view: DataView, offset: number, size: 1 | 2 | 4, value: number): void {
  if (size === 4) view.setUint32(offset, value, true);
  else if (size === 2) view.setUint16(offset, value & 0xffff, true);
  else view.setUint8(offset, value & 0xff);
}

function wordsOf(view: DataView, piece: Piece, base: number): Uint32Array {
  const words = new Uint32Array(piece.words);
  for (let index = 0; index < words.length; index++) {
    const at = piece.address + index * piece.size;
    const offset = at - base;
    if (piece.size === 4) words[index] = view.getUint32(offset, true);
    else
      words[index] =
        (piece.size === 2 ? view.getUint16(offset, true) : view.getUint8(offset)) << laneShift(at, piece.size);
  }
  return words;
}
