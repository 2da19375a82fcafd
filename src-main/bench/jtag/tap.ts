/** Bits of a register, one a byte, the one nearest to TDO first. */
export type Bits = Uint8Array;

/** What an instruction puts between TDI and TDO. Times are virtual nanoseconds. */
export interface DataRegister {
  readonly length: number;
  /** Capture-DR: `length` bits. */
  capture(at: number): Bits;
  /** Update-DR. */
  update?(bits: Bits, at: number): void;
  /** The same register without its single bits, where whole scans of it are many. */
  readonly whole?: WholeScan;
}

/** Scans of three bits and a word after them, as a JTAG-DP has them. */
export interface WholeScan {
  /** Capture-DR: the three bits; `word` then holds what follows them. */
  capture(at: number): number;
  readonly word: number;
  /** Update-DR. */
  update(head: number, word: number, at: number): void;
}

export interface TapOptions {
  readonly name: string;
  /** Bits of the instruction register. */
  readonly irLength: number;
  /** What Capture-IR loads; its lowest two bits are 01 (IEEE 1149.1, 7.1.1). A function where it tells a status. */
  readonly captureIr: number | ((at: number) => number);
  /** The instruction after a reset is the one that shows it (IEEE 1149.1, 7.2.1); without one, BYPASS. */
  readonly idcode?: { readonly instruction: number; readonly value: () => number };
  /** By instruction; any other instruction is BYPASS (IEEE 1149.1, 8.1.1). */
  readonly registers?: ReadonlyMap<number, DataRegister>;
  /** Something that an instruction does by itself, without a data register: Update-IR. */
  readonly instructed?: (instruction: number, at: number) => void;
  /** Test-Logic-Reset was entered. */
  readonly reset?: (at: number) => void;
}

/** One bit that captures zero (IEEE 1149.1, 10.1.1). */
const BYPASS: DataRegister = { length: 1, capture: () => new Uint8Array(1) };

/** One test access port behind the chain's controller: its instruction, and the register that is between TDI and TDO. */
export class Tap {
  readonly name: string;
  readonly irLength: number;
  readonly #options: TapOptions;
  readonly #idcode: DataRegister | undefined;
  #instruction = 0;
  #shift: Bits = new Uint8Array(1);
  /** Index of the bit nearest to TDO: the register is a ring, shifting moves this. */
  #head = 0;

  constructor(options: TapOptions) {
    this.name = options.name;
    this.irLength = options.irLength;
    this.#options = options;
    const { idcode } = options;
    this.#idcode = idcode && { length: 32, capture: () => bitsOf(idcode.value(), 32) };
    this.#instruction = this.#firstInstruction();
  }

  get instruction(): number {
    return this.#instruction;
  }

  /** The bit that TDO shows, and that the next clock shifts out. */
  get out(): 0 | 1 {
    return this.#shift[this.#head] ? 1 : 0;
  }

  /** The register of the current instruction. */
  get register(): DataRegister {
    const { idcode, registers } = this.#options;
    if (this.#idcode && this.#instruction === idcode?.instruction) return this.#idcode;
    return registers?.get(this.#instruction) ?? BYPASS;
  }

  reset(at: number): void {
    this.#instruction = this.#firstInstruction();
    this.#options.reset?.(at);
  }

  shift(bit: 0 | 1): 0 | 1 {
    const { out } = this;
    this.#shift[this.#head] = bit;
    this.#head++;
    if (this.#head === this.#shift.length) this.#head = 0;
    return out;
  }

  captureIr(at: number): void {
    const { captureIr } = this.#options;
    this.#load(bitsOf(typeof captureIr === 'number' ? captureIr : captureIr(at), this.irLength));
  }

  updateIr(at: number): void {
    this.#instruction = numberOf(this.#content());
    this.#options.instructed?.(this.#instruction, at);
  }

  captureDr(at: number): void {
    this.#load(this.register.capture(at));
  }

  updateDr(at: number): void {
    this.register.update?.(this.#content(), at);
  }

  #firstInstruction(): number {
    return this.#options.idcode?.instruction ?? 2 ** this.irLength - 1;
  }

  #load(bits: Bits): void {
    this.#shift = bits;
    this.#head = 0;
  }

  #content(): Bits {
    if (this.#head === 0) return this.#shift;
    const bits = new Uint8Array(this.#shift.length);
    bits.set(this.#shift.subarray(this.#head));
    bits.set(this.#shift.subarray(0, this.#head), this.#shift.length - this.#head);
    return bits;
  }
}

/** The lowest `length` bits of a number below 2^32. */
export function bitsOf(value: number, length: number): Bits {
  const bits = new Uint8Array(length);
  for (let i = 0; i < Math.min(length, 32); i++) bits[i] = (value >>> i) & 1;
  return bits;
}

/** Up to 32 bits from `from` on. */
export function numberOf(bits: Bits, from = 0, count = bits.length - from): number {
  let value = 0;
  for (let i = 0; i < count; i++) if (bits[from + i]) value += 2 ** i;
  return value;
}
