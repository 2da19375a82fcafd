import { busFault, type AccessResult } from '../bus.ts';
import type { ChipEvents, ChipFactory, ChipModel, ChipReport } from '../chip.ts';
import { CPLD, CpldMemory } from './cpld-memory.ts';
import { bitsOf, numberOf, Tap, type DataRegister } from './tap.ts';

/** Version 1, a part and a manufacturer (0x7A5) that nobody has; bit 0 is always one (IEEE 1149.1, 12.1). */
export const CPLD_IDCODE = 0x1c064f4b;
const OTHER_IDCODE = 0x1c065f4b;

/** Eight-bit instructions, named as IEEE 1532 names them. */
export const CPLD_INSTRUCTION = {
  idcode: 0x01,
  preload: 0x03,
  usercode: 0xfd,
  enable: 0xe8,
  disable: 0xf0,
  address: 0xe3,
  erase: 0xed,
  program: 0xea,
  read: 0xee,
  programDone: 0xce,
} as const;

/** What Capture-IR shows above the two fixed bits. */
const CPLD_STATUS = { done: 1 << 2, enabled: 1 << 3, busy: 1 << 4 } as const;

const PINS = 24;

/**
 * A small CPLD on the bench: no debug port, one TAP, by which it is erased, programmed and verified (after IEEE 1532):
 * ISC_ENABLE and its time, ISC_ERASE, ISC_ADDRESS_SHIFT, ISC_PROGRAM row by row, ISC_READ row by row, ISC_PROGRAM_DONE,
 * ISC_DISABLE. Erase and the like start with Update-IR, a row with Update-DR.
 */
export class Cpld implements ChipModel {
  readonly debugPorts = [];
  readonly taps: readonly [Tap];
  readonly #memory = new CpldMemory();
  #powered = true;
  #stuck: { readonly address: number; readonly bit: number; readonly value: 0 | 1 }[] = [];
  events: ChipEvents | undefined;

  constructor({ idWords, wrongPart }: ChipFactory) {
    const memory = this.#memory;
    const status = (at: number) =>
      0b01 |
      (memory.done ? CPLD_STATUS.done : 0) |
      (memory.enabled(at) ? CPLD_STATUS.enabled : 0) |
      (memory.busy(at) ? CPLD_STATUS.busy : 0);
    this.taps = [
      new Tap({
        name: 'cpld',
        irLength: 8,
        captureIr: status,
        idcode: { instruction: CPLD_INSTRUCTION.idcode, value: () => (wrongPart() ? OTHER_IDCODE : CPLD_IDCODE) },
        registers: this.#registers(idWords[0]),
        instructed: (instruction, at) => this.#instructed(instruction, at),
      }),
    ];
  }

  get powered(): boolean {
    return this.#powered;
  }

  set supplyFailsAt(_at: number) {
    // Nothing of it stalls a bus: a cut in the middle of an operation is settled when it happens.
  }

  powerCycle(): void {
    this.#powered = true;
    this.#memory.powerOn();
  }

  powerCut(at: number): void {
    if (!this.#powered) return;
    this.#memory.powerCut(at);
    this.#powered = false;
  }

  /** It has no reset pin. */
  resetPin(): void {}

  flashIdleAt(at: number): number | undefined {
    return this.#memory.busy(at) ? this.#memory.busyUntil : undefined;
  }

  peek(address: number): number | undefined {
    return this.#memory.peek(address);
  }

  preload(address: number, value: number): void {
    this.#memory.poke(address, (bit, index) => bit & (value >>> index));
  }

  flipBit(address: number, bit: number): void {
    this.#memory.poke(address, (was, index) => (index === bit ? was ^ 1 : was));
  }

  stickBit(address: number, bit: number, value: 0 | 1): void {
    this.#stuck.push({ address, bit, value });
    this.#stick();
  }

  /** It has no protection. */
  protect(): void {}

  /** No core, no registers. */
  readRegister(): number {
    return 0;
  }

  writeRegister(): void {}

  report(): ChipReport {
    return { flashOperations: this.#memory.operations, overwrittenWords: [] };
  }

  /** No bus either. */
  read(_address: number, _size: number, at: number): AccessResult {
    return busFault(at);
  }

  write(_address: number, _size: number, _value: number, at: number): AccessResult {
    return busFault(at);
  }

  #registers(usercode: number): ReadonlyMap<number, DataRegister> {
    const memory = this.#memory;
    return new Map<number, DataRegister>([
      [CPLD_INSTRUCTION.preload, { length: PINS, capture: () => new Uint8Array(PINS) }],
      [CPLD_INSTRUCTION.usercode, { length: 32, capture: () => bitsOf(usercode, 32) }],
      [
        CPLD_INSTRUCTION.address,
        { length: 8, capture: () => new Uint8Array(8), update: (bits) => memory.setAddress(numberOf(bits)) },
      ],
      [
        CPLD_INSTRUCTION.program,
        {
          length: CPLD.rowBits,
          capture: () => new Uint8Array(CPLD.rowBits),
          update: (bits, at) => {
            memory.program(bits, at);
            this.#stick();
          },
        },
      ],
      [CPLD_INSTRUCTION.read, { length: CPLD.rowBits, capture: (at) => memory.read(at) }],
    ]);
  }

  #instructed(instruction: number, at: number): void {
    const memory = this.#memory;
    if (instruction === CPLD_INSTRUCTION.enable) memory.enable(at);
    if (instruction === CPLD_INSTRUCTION.disable) memory.disable();
    if (instruction === CPLD_INSTRUCTION.erase) memory.erase(at);
    if (instruction === CPLD_INSTRUCTION.programDone) memory.programDone(at);
    this.#stick();
  }

  /** Cells that hold their value whatever is done. */
  #stick(): void {
    for (const { address, bit, value } of this.#stuck) {
      this.#memory.poke(address, (was, index) => (index === bit ? value : was));
    }
  }
}
