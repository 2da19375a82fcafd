import type { Board } from '../board.ts';
import { PAGE } from '../flash-array.ts';
import { usToNs } from '../virtual-clock.ts';

const NVMC = 0x4001e000;
const READY = NVMC + 0x400;
const CONFIG = NVMC + 0x504;
const ERASEPAGE = NVMC + 0x508;
const ERASEUICR = NVMC + 0x514;
const UICR = { start: 0x10001000, end: 0x10002000 } as const;
const FLASH_END = 0x100000;
const WEN = 1;
const EEN = 2;

/** What a bus access by way of a probe costs at least: a full SWD transfer at 8 MHz (46 bits). */
const ACCESS_NS = usToNs(5.75);

/** A board's memory through its bus model: controller registers, busy times and AND semantics included. */
export class GdbMemory {
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  /** Undefined on a bus fault. */
  read(address: number, length: number): Uint8Array | undefined {
    const out = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const size = step(address + done, length - done);
      const result = this.#board.chip.read(address + done, size, this.#tick());
      if (result.fault) return undefined;
      this.#board.clock.advanceTo(result.doneAt);
      for (let i = 0; i < size; i++) out[done + i] = result.value >>> (8 * i);
      done += size;
    }
    return out;
  }

  /** False on a bus fault; what came before it is written. */
  write(address: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length;) {
      const size = step(address + done, bytes.length - done);
      let value = 0;
      for (let i = 0; i < size; i++) value |= (bytes[done + i] ?? 0) << (8 * i);
      const result = this.#board.chip.write(address + done, size, value >>> 0, this.#tick());
      if (result.fault) return false;
      this.#board.clock.advanceTo(result.doneAt);
      done += size;
    }
    return true;
  }

  /** vFlashErase: whole pages, by the controller's own tasks. */
  erase(address: number, length: number): boolean {
    this.writeWord(CONFIG, EEN);
    for (let page = address; page < address + length; page += PAGE) {
      if (page < FLASH_END) this.writeWord(ERASEPAGE, page);
      else if (page >= UICR.start && page < UICR.end) this.writeWord(ERASEUICR, 1);
      else return false;
      this.#settle();
    }
    this.writeWord(CONFIG, 0);
    return true;
  }

  /** vFlashWrite: whole words; what is missing of the outer ones stays as it is (all ones change nothing). */
  program(address: number, bytes: Uint8Array): boolean {
    const start = address - (address % 4);
    const padded = new Uint8Array(Math.ceil((address - start + bytes.length) / 4) * 4).fill(0xff);
    padded.set(bytes, address - start);
    this.writeWord(CONFIG, WEN);
    const written = this.write(start, padded);
    this.#settle();
    this.writeWord(CONFIG, 0);
    return written;
  }

  readWord(address: number): number {
    return this.#board.chip.read(address, 4, this.#tick()).value;
  }

  writeWord(address: number, value: number): void {
    this.#board.chip.write(address, 4, value, this.#tick());
  }

  /** Lets the flash controller finish. */
  #settle(): void {
    const idle = this.#board.chip.flashIdleAt(this.#board.clock.elapsedNs);
    if (idle !== undefined) this.#board.clock.advanceTo(idle);
    this.#board.chip.read(READY, 4, this.#tick());
  }

  #tick(): number {
    this.#board.clock.advance(ACCESS_NS);
    return this.#board.clock.elapsedNs;
  }
}

/** The widest access that is aligned and fits. */
function step(address: number, left: number): 1 | 2 | 4 {
  if (address % 4 === 0 && left >= 4) return 4;
  return address % 2 === 0 && left >= 2 ? 2 : 1;
}
