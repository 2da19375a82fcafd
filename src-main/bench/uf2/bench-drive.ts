import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Drive } from '../../link/drive.ts';
import type { Pace } from '../paced-clock.ts';
import { completion, FULL_SPEED_BULK, UsbEndpoint } from '../usb-time.ts';
import { toNs } from '../virtual-clock.ts';
import { type FatFaults, GhostFat, SECTOR } from './ghost-fat.ts';
import type { InBootLoader } from './in-boot-loader.ts';

/** What an operating system or a boot loader does otherwise than one hopes. */
export interface DriveFaults extends FatFaults {
  /** The order in which the system writes a file's sectors; `twice`: each once more after all of them. */
  readonly order?: 'backwards' | 'twice';
  /** No room for a file. */
  readonly full?: boolean;
  /** A boot loader that does not leave when a file is complete. */
  readonly stays?: boolean;
}

/** Linux asks USB disks for 240 sectors at a time at most (usb-storage, max_sectors). */
const AT_ONCE = 240;
const CBW = 31;
const CSW = 13;
/** Where the system puts new files: clusters that the boot loader says are free. */
const FREE_SECTOR = 2000;
const ROOT_SECTOR = 127;
const ENTRY = 32;

/** A simulated boot loader's drive as a system mounts it: sectors over full-speed bulk, each command with its wrappers. */
export class BenchDrive implements Drive {
  readonly url: string;
  readonly #unit: InBootLoader;
  readonly #pace: Pace | undefined;
  readonly #faults: DriveFaults;
  readonly #fat: GhostFat;
  readonly #out = new UsbEndpoint(FULL_SPEED_BULK);
  readonly #in = new UsbEndpoint(FULL_SPEED_BULK);
  #silent = false;
  #lost = false;

  constructor(unit: InBootLoader, url: string, paced: Pace | undefined, faults: DriveFaults) {
    this.#unit = unit;
    this.url = url;
    this.#pace = paced;
    this.#faults = faults;
    const { loader } = unit;
    this.#fat = new GhostFat(
      () => loader.info,
      (address) => loader.readRow(address),
      faults,
    );
  }

  /** The chip's serial number words, the lowest first (cdc_enumerate.c, load_serial_number). */
  get serial(): string {
    const { chip, clock } = this.#unit.board;
    const word = (address: number) => chip.read(address, 4, clock.elapsedNs).value;
    const words = [0x80a00c, 0x80a040, 0x80a044, 0x80a048].map(word);
    return words.map((value) => value.toString(16).toUpperCase().padStart(8, '0')).join('');
  }

  async size(name: string, io: IoContext): Promise<number | undefined> {
    return (await this.#find(name, io))?.size;
  }

  async read(name: string, offset: number, length: number, io: IoContext): Promise<Uint8Array> {
    const file = await this.#find(name, io);
    if (!file) throw new FlashlineError('probe-lost', { params: { url: this.url } });
    const end = Math.min(file.size, offset + length);
    const sectors = Math.max(0, Math.ceil((end - offset) / SECTOR));
    const bytes = await this.#readSectors(file.sector + offset / SECTOR, sectors, io);
    return bytes.subarray(0, Math.max(0, end - offset));
  }

  async write(_name: string, bytes: Uint8Array, io: IoContext): Promise<void> {
    const { order, full } = this.#faults;
    if (full) throw new FlashlineError('probe-lost', { params: { url: this.url }, cause: 'ENOSPC' });
    const all = Array.from({ length: bytes.length / SECTOR }, (_, index) => index);
    const ordered = order === 'backwards' ? all.toReversed() : order === 'twice' ? [...all, ...all] : all;
    const sectors = ordered.map((index) => ({ sector: FREE_SECTOR + index, index }));
    for (let at = 0; at < sectors.length; at += AT_ONCE) {
      const some = sectors.slice(at, at + AT_ONCE);
      await this.#command(io, () => {
        for (const { index } of some) this.#toDevice(bytes.subarray(index * SECTOR, (index + 1) * SECTOR));
      });
    }
    // And the directory, which the boot loader does not keep.
    await this.#command(io, () => this.#toDevice(new Uint8Array(SECTOR)));
  }

  async left(timeoutMs: number, io: IoContext): Promise<boolean> {
    io.signal.throwIfAborted();
    const { board, loader } = this.#unit;
    const at = this.#faults.stays ? Infinity : loader.resetAt;
    const until = board.clock.elapsedNs + toNs(timeoutMs);
    const left = this.#lost || loader.running !== 'boot-loader' || at <= until;
    board.clock.advanceTo(left && Number.isFinite(at) ? Math.max(at, board.clock.elapsedNs) : until);
    if (!this.#faults.stays) loader.passTo(board.clock.elapsedNs);
    return left;
  }

  async isBack(): Promise<boolean> {
    return !this.#lost && this.#unit.loader.running === 'boot-loader';
  }

  async close(): Promise<void> {
    this.#unit.loader.passTo(this.#unit.board.clock.elapsedNs);
  }

  async #find(name: string, io: IoContext): Promise<{ readonly size: number; readonly sector: number } | undefined> {
    const root = await this.#readSectors(ROOT_SECTOR, 1, io);
    const view = new DataView(root.buffer, root.byteOffset, root.length);
    const [stem = '', extension = ''] = name.split('.');
    const wanted = stem.padEnd(8) + extension.padEnd(3);
    for (let at = ENTRY; at < SECTOR; at += ENTRY) {
      if (new TextDecoder().decode(root.subarray(at, at + 11)) !== wanted) continue;
      return { size: view.getUint32(at + 28, true), sector: ROOT_SECTOR + 4 + view.getUint16(at + 26, true) - 2 };
    }
    return undefined;
  }

  async #readSectors(from: number, count: number, io: IoContext): Promise<Uint8Array> {
    const bytes = new Uint8Array(count * SECTOR);
    for (let at = 0; at < count; at += AT_ONCE) {
      const some = Math.min(AT_ONCE, count - at);
      await this.#command(io, () => {
        for (let index = at; index < at + some; index++) bytes.set(this.#fat.read(from + index), index * SECTOR);
        this.#unit.board.clock.advanceTo(this.#in.transferEnd(some * SECTOR, this.#unit.board.clock.elapsedNs));
      });
    }
    return bytes;
  }

  /** A sector goes over, and is in the flash before the next is taken. */
  #toDevice(sector: Uint8Array): void {
    const { board, loader } = this.#unit;
    const arrivedAt = this.#out.transferEnd(SECTOR, loader.freeAt(board.clock.elapsedNs));
    board.clock.advanceTo(arrivedAt);
    loader.passTo(arrivedAt);
    this.#mustBeThere();
    board.clock.advanceTo(loader.takeSector(sector, arrivedAt));
    loader.passTo(board.clock.elapsedNs);
    this.#mustBeThere();
  }

  async #command(io: IoContext, data: () => void): Promise<void> {
    io.signal.throwIfAborted();
    const { board, loader, faults } = this.#unit;
    const { clock } = board;
    const due = faults.nextPacket();
    if (due.powerCut) loader.cutPower(clock.elapsedNs);
    if (due.unplugged) this.#lost = true;
    if (due.silent) this.#silent = true;
    loader.passTo(clock.elapsedNs);
    this.#mustBeThere();
    if (this.#silent) {
      clock.advance(toNs(30_000));
      throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: 30 } });
    }
    clock.advanceTo(this.#out.transferEnd(CBW, loader.freeAt(clock.elapsedNs)));
    data();
    clock.advanceTo(completion(FULL_SPEED_BULK, this.#in.transferEnd(CSW, clock.elapsedNs)));
    loader.passTo(clock.elapsedNs);
    await nextTurn();
    await this.#pace?.(io.signal);
    io.signal.throwIfAborted();
  }

  #mustBeThere(): void {
    if (this.#lost || this.#unit.loader.running !== 'boot-loader')
      throw new FlashlineError('probe-lost', { params: { url: this.url } });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
