import { busFault, done, type AccessResult, type AccessSize, type Bus } from '../bus.ts';
import type { Scs } from '../scs.ts';
import type { CoreBus } from './core-bus.ts';

const PPB = { start: 0xe0000000, end: 0xe0100000 } as const;

/**
 * A chip's memory as a debugger reaches it past its core: before each access the core lives up to the moment of the
 * access, so that both see each other's writes in their true order.
 */
export class DebuggedBus implements Bus {
  readonly #scs: Scs;
  readonly #bus: CoreBus;
  /** Cores beside it on the same bus. */
  readonly #others: () => readonly Scs[];

  constructor(scs: Scs, bus: CoreBus, others: () => readonly Scs[] = () => []) {
    this.#scs = scs;
    this.#bus = bus;
    this.#others = others;
  }

  read(address: number, size: AccessSize, at: number): AccessResult {
    const { core } = this.#scs;
    const { ram } = this.#bus;
    core.runUntil(at);
    for (const other of this.#others()) other.core.runUntil(at);
    if (ram.holds(address)) return done(at, ram.read(address, size));
    if (address >= PPB.start && address < PPB.end) return this.#readPrivate(address, size, at);
    // A read that changes something, or tells the time, meets the core where it is.
    if (this.#bus.loop?.holds(address) || this.#bus.steadyUntil(address, at) <= at) core.catchUp(at);
    return this.#bus.read(address, size, at);
  }

  write(address: number, size: AccessSize, value: number, at: number): AccessResult {
    const { core } = this.#scs;
    const { ram } = this.#bus;
    for (const other of this.#others()) other.core.beforeWrite(ram.holds(address) ? address : undefined, at);
    if (ram.holds(address)) {
      core.beforeWrite(address, at);
      ram.write(address, size, value);
      return done(at);
    }
    if (address >= PPB.start && address < PPB.end) {
      core.runUntil(at);
      if (size !== 4) return busFault(at);
      this.#scs.write(address, value, at);
      return done(at);
    }
    core.beforeWrite(undefined, at);
    return this.#bus.write(address, size, value, at);
  }

  #readPrivate(address: number, size: AccessSize, at: number): AccessResult {
    const value = this.#scs.read((address & ~3) >>> 0, at);
    if (size === 4) return done(at, value);
    return done(at, (value >>> ((address & 3) * 8)) & (size === 1 ? 0xff : 0xffff));
  }
}
