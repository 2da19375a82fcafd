import { isFilledWith, readU32 } from '#shared/base/bytes.ts';
import type { Board } from '../board.ts';
import type { FaultPlan } from '../fault-plan.ts';
import { FLASH, ROW_SIZE } from '../samd21/nvmctrl.ts';
import { toNs, usToNs } from '../virtual-clock.ts';
import { placeCode, startCode, strayTick } from './boot-loader-code.ts';

/** UF2-SAMDx1 (github.com/microsoft/uf2-samdx1): where its application begins (main.c), and what it says of itself. */
export const APP_START = 0x2000;
export const FAMILY = 0x68ed2b88;
const BOARD_ID = 'SAMD21G18A-Bench-v0';
const OTHER_BOARD_ID = 'SAMD21E18A-Other-v0';

/** uf2.h: MAX_BLOCKS; a file of more never counts as complete. */
const MAX_BLOCKS = FLASH.size / 256 + 100;
/** fat.c, utils.c: 30 ticks of about a millisecond after a file's last block; 300 after a block that is of no file. */
const RESET_AFTER_NS = toNs(30);
const RESET_AFTER_STRAY_NS = toNs(300);
/** What comparing a row with the flash takes at 48 MHz, about: 64 times two loads and a branch. */
const COMPARE_NS = usToNs(15);

/** The SAM D21's NVM controller as flash_samd21.c drives it. */
const NVMCTRL = 0x41004000;
const CTRLA = NVMCTRL;
const CTRLB = NVMCTRL + 0x04;
const STATUS = NVMCTRL + 0x18;
const ADDR = NVMCTRL + 0x1c;
const PAGE_SIZE = 64;
const ERASE_ROW = 0xa502;
const WRITE_PAGE = 0xa504;
const CLEAR_PAGE_BUFFER = 0xa544;
const MANUAL_WRITE = 0x80;
const ALL_STATUS = 0x1f;

export type Running = 'boot-loader' | 'application' | 'nothing';

/**
 * The boot loader of one unit: it owns the flash, knows the files that were written to it block by block, and starts the
 * application when one is complete, if its reset vector is in the application's part. Work on the flash goes on while time
 * passes, so that a supply that fails finds it in the middle. Times are virtual nanoseconds.
 */
export class Uf2BootLoader {
  readonly #board: Board;
  readonly #faults: FaultPlan;
  readonly #boardId: string;
  #job: Generator<number, void, number> | undefined;
  #jobAt = 0;
  #running: Running = 'boot-loader';
  #resetAt = Infinity;
  #numbers = new Set<number>();
  #blocks = 0;
  #spoiled = false;
  #hung = false;

  /** The board was put into its fixture, and reset twice by the operator: the boot loader runs, whatever the flash holds. */
  constructor(board: Board, faults: FaultPlan, options: { readonly wrongBoard: boolean }) {
    this.#board = board;
    this.#faults = faults;
    this.#boardId = options.wrongBoard ? OTHER_BOARD_ID : BOARD_ID;
    // Something stands where the boot loader does; what it does is done here.
    if (board.chip.peek(0x100) === 0xffffffff) {
      placeCode(board.chip);
      for (let at = 0x100; at < APP_START; at += 4) board.chip.preload(at, 0xb0070000 + at);
    }
    startCode(board.chip, board.clock.elapsedNs);
  }

  /** INFO_UF2.TXT. */
  get info(): string {
    return `UF2 Bootloader v3.16.0 SFHWRO\r\nModel: Flashline Bench M0\r\nBoard-ID: ${this.#boardId}\r\n`;
  }

  get running(): Running {
    return this.#running;
  }

  /** Its core never came back from an exception: only power helps. */
  get hung(): boolean {
    return this.#hung;
  }

  /** When the unit will reset by itself; Infinity when it will not. */
  get resetAt(): number {
    return this.#resetAt;
  }

  /** main.c, check_start_application. */
  get startsApplication(): boolean {
    const reset = this.#board.chip.peek(APP_START + 4) ?? 0;
    return reset >= APP_START && reset <= FLASH.size;
  }

  readRow(address: number): Uint8Array {
    const bytes = new Uint8Array(ROW_SIZE);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < ROW_SIZE; at += 4) view.setUint32(at, this.#board.chip.peek(address + at) ?? 0, true);
    return bytes;
  }

  /** Lives up to `at`: work goes on, a reset that is due happens, a supply that fails fails. */
  passTo(at: number): void {
    const cut = this.#faults.powerCutNs;
    if (cut <= at) this.cutPower(cut);
    this.#work(at);
    if (this.#running === 'boot-loader' && this.#resetAt <= at) this.reset(this.#resetAt);
  }

  /** When the boot loader has time for something new that comes at `at`. */
  freeAt(at: number): number {
    this.#work(Math.min(Infinity, this.#faults.powerCutNs));
    return this.#job ? this.#faults.powerCutNs : Math.max(at, this.#jobAt);
  }

  cutPower(at: number): void {
    if (this.#running === 'nothing') return;
    this.#work(at);
    this.#job = undefined;
    this.#running = 'nothing';
    this.#board.chip.powerCut(at);
  }

  /** RESET INTO APP, or a file that is complete. */
  reset(at: number): void {
    this.#work(at);
    this.#job = undefined;
    this.#forget();
    startCode(this.#board.chip, at);
    this.#running = this.startsApplication ? 'application' : 'boot-loader';
  }

  /**
   * Somebody wrote words at `at`: where they lead the next SysTick astray, nothing else is done until that has returned. When the boot
   * loader goes on after something that it does for `ns` from `at` on.
   */
  goesOnAt(at: number, ns: number): number {
    const tick = strayTick(this.#board.chip, at);
    if (!tick) return at + ns;
    this.#hung = tick.until === Infinity;
    const { from, until } = tick;
    if (!this.#hung) this.#start(idleUntil(until), from);
    return from < at + ns ? until + ns : at + ns;
  }

  /** Starts to write a row; nothing else is done until that is done. Rows of the boot loader's own are not written. */
  writeRow(address: number, bytes: Uint8Array, at: number): void {
    if (address < APP_START || address % ROW_SIZE !== 0 || address >= FLASH.size) return;
    this.#start(this.#rowSteps(address, bytes, at), at);
  }

  /** A sector came over the drive (fat.c, write_block). Resolves to when it is dealt with. */
  takeSector(sector: Uint8Array, at: number): number {
    const [start0, start1, flags, address, size, number, blocks, family] = words(sector);
    const isUf2 = start0 === 0x0a324655 && start1 === 0x9e5d5157 && readU32(sector, 508) === 0x0ab16f30;
    if (!isUf2 || flags === undefined || address === undefined || number === undefined || blocks === undefined)
      return at;
    if ((flags & 0x2000) !== 0 && family !== FAMILY) return at;
    if ((flags & 1) === 0 && size === ROW_SIZE) this.writeRow(address, sector.slice(32, 32 + ROW_SIZE), at);
    const doneAt = this.freeAt(at);
    this.#count(number, blocks, doneAt);
    return doneAt;
  }

  #count(number: number, blocks: number, at: number): void {
    if (blocks === 0) {
      this.#resetAt = Math.min(this.#resetAt, at + RESET_AFTER_STRAY_NS);
      return;
    }
    if (this.#blocks !== blocks) {
      this.#spoiled ||= blocks >= MAX_BLOCKS || this.#blocks !== 0;
      this.#blocks = blocks;
    }
    if (number < MAX_BLOCKS) this.#numbers.add(number);
    if (!this.#spoiled && this.#numbers.size >= this.#blocks) this.#resetAt = at + RESET_AFTER_NS;
  }

  #forget(): void {
    this.#resetAt = Infinity;
    this.#numbers = new Set();
    this.#blocks = 0;
    this.#spoiled = false;
  }

  #start(job: Generator<number, void, number>, at: number): void {
    this.#job = job;
    this.#jobAt = at;
  }

  /** As much of what is under way as happens until then. */
  #work(until: number): void {
    while (this.#job && this.#jobAt <= until) {
      const next = this.#job.next(this.#jobAt);
      if (next.done) this.#job = undefined;
      else this.#jobAt = next.value;
    }
  }

  /** flash_samd21.c, flash_write_row: nothing where it is the same, else an erase and four pages. Yields when it will go on. */
  *#rowSteps(address: number, bytes: Uint8Array, from: number): Generator<number, void, number> {
    let at = yield from + COMPARE_NS;
    if (isSame(bytes, this.readRow(address))) return;
    this.#put(STATUS, ALL_STATUS, at);
    this.#put(CTRLB, MANUAL_WRITE, at);
    this.#put(ADDR, address >>> 1, at);
    this.#put(CTRLA, ERASE_ROW, at);
    at = yield this.#idleAt(at);
    for (let page = 0; page < ROW_SIZE; page += PAGE_SIZE) {
      this.#put(CTRLA, CLEAR_PAGE_BUFFER, at);
      for (let word = page; word < page + PAGE_SIZE; word += 4) this.#put(address + word, readU32(bytes, word), at);
      this.#put(CTRLA, WRITE_PAGE, at);
      at = yield this.#idleAt(at);
    }
    // The last has ended by now: asking settles it.
    this.#idleAt(at);
  }

  #put(address: number, value: number, at: number): void {
    this.#board.chip.write(address, 4, value, at);
  }

  #idleAt(at: number): number {
    return this.#board.chip.flashIdleAt(at) ?? at;
  }
}

/** Busy with something else. */
function* idleUntil(at: number): Generator<number, void, number> {
  yield at;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return (
    a.length === b.length &&
    isFilledWith(
      a.map((byte, index) => byte ^ (b[index] ?? 0)),
      0,
    )
  );
}

function words(sector: Uint8Array): number[] {
  return Array.from({ length: 8 }, (_, index) => readU32(sector, index * 4));
}
