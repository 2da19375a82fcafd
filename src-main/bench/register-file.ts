import { done, type AccessResult, type AccessSize } from './bus.ts';
import { withLanes, type Slave } from './chip-bus.ts';

export interface RegisterFileOptions {
  /** Values after reset, by address; zero where none is named. */
  readonly resets?: ReadonlyMap<number, number>;
  /** What a register shows when it holds `value`: ready bits that follow their enables. */
  readonly shown?: (address: number, value: number) => number;
  readonly written?: (address: number, value: number) => void;
}

/** Peripherals of which nothing is asked but to keep what was written: clocks, pins, power. */
export class RegisterFile implements Slave {
  readonly start: number;
  readonly size: number;
  readonly #options: RegisterFileOptions;
  #values: Map<number, number>;

  constructor(start: number, size: number, options: RegisterFileOptions = {}) {
    this.start = start;
    this.size = size;
    this.#options = options;
    this.#values = new Map(options.resets);
  }

  reset(): void {
    this.#values = new Map(this.#options.resets);
  }

  value(address: number): number {
    return this.#values.get(address) ?? 0;
  }

  readWord(address: number, at: number): AccessResult {
    const value = this.value(address);
    return done(at, this.#options.shown?.(address, value) ?? value);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const word = (address & ~3) >>> 0;
    const next = withLanes(this.value(word), address, size, value);
    this.#values.set(word, next);
    this.#options.written?.(word, next);
    return done(at);
  }

  steadyUntil(): number {
    return Infinity;
  }
}

/** Read-only memory: words that the factory laid down, `filler` between them. Writes are lost. */
export class FixedWords implements Slave {
  readonly start: number;
  readonly size: number;
  readonly #words: ReadonlyMap<number, number>;
  readonly #filler: number;

  constructor(start: number, size: number, words: ReadonlyMap<number, number>, filler = 0) {
    this.start = start;
    this.size = size;
    this.#words = words;
    this.#filler = filler;
  }

  readWord(address: number, at: number): AccessResult {
    return done(at, this.#words.get(address) ?? this.#filler);
  }

  write(_address: number, _size: AccessSize, _value: number, at: number): AccessResult {
    return done(at);
  }

  steadyUntil(): number {
    return Infinity;
  }
}

/** RAM beside the one that the core reaches without asking. */
export function ramSlave(ram: {
  readonly start: number;
  readonly size: number;
  read(address: number, size: AccessSize): number;
  write(address: number, size: AccessSize, value: number): void;
}): Slave {
  return {
    start: ram.start,
    size: ram.size,
    readWord: (address, at) => done(at, ram.read(address, 4)),
    write: (address, size, value, at) => {
      ram.write(address, size, value);
      return done(at);
    },
    steadyUntil: () => Infinity,
  };
}
