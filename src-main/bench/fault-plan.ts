import { faultsOf, type FaultOf, type Faults } from './faults.ts';
import type { ChipEvents, ChipModel } from './chip.ts';
import { Prng } from './prng.ts';
import { toNs } from './virtual-clock.ts';

/** What has cells that may change by themselves. */
interface Rots {
  flipBit?(address: number, bit: number): void;
}

export type WireFault = 'none' | 'no-answer' | 'wait' | 'fault' | 'parity';

/** Carries a connection's faults out: counts what `after` counts, and says when each is due. */
export class FaultPlan implements ChipEvents {
  /** The port hears nothing of what the probe does. */
  readonly deaf: boolean;
  /** When the supply fails by the clock; Infinity if it does not. */
  readonly powerCutNs: number;
  readonly #faults: Faults;
  #transfers = 0;
  #packets = 0;
  #waits = 0;
  #operations = 0;
  #addresses = 0;
  readonly #rotPending: FaultOf<'bit-rot'>[];
  readonly #spoiled = new Set<Faults[number]>();
  readonly #dice = new Prng(0x6e6f6973);

  constructor(faults: Faults, startNs: number) {
    this.#faults = faults;
    this.deaf = faultsOf(faults, 'swapped-wires').length > 0;
    const cuts = faultsOf(faults, 'power-cut').flatMap((fault) => (fault.ms === undefined ? [] : [fault.ms]));
    this.powerCutNs = cuts.length === 0 ? Infinity : startNs + toNs(Math.min(...cuts));
    this.#rotPending = faultsOf(faults, 'bit-rot');
  }

  /** Called once a packet, before it is sent. */
  nextPacket(): { readonly unplugged: boolean; readonly silent: boolean; readonly powerCut: boolean } {
    const index = this.#packets++;
    return {
      unplugged: faultsOf(this.#faults, 'unplug').some((fault) => index >= fault.after),
      silent: faultsOf(this.#faults, 'silent').some((fault) => index >= fault.after),
      powerCut: faultsOf(this.#faults, 'power-cut').some((fault) => fault.after !== undefined && index >= fault.after),
    };
  }

  /** Nothing is wrong with this connection: no transfer has to be counted. */
  get none(): boolean {
    return this.#faults.length === 0;
  }

  /** Called once a transfer on the wire, before it; `bitNs` is its clock's period. */
  nextTransfer(read: boolean, bitNs: number): WireFault {
    if (this.#faults.length === 0) return 'none';
    const index = this.#transfers++;
    for (const fault of this.#faults) {
      const due = fault.kind === 'noise' ? this.#noise(fault, bitNs) : this.#wireFault(fault, index, read);
      if (due !== 'none') return due;
    }
    return 'none';
  }

  /** Called once an address that a chip would acknowledge; true: it is not heard to. */
  nextNack(): boolean {
    const nacks = faultsOf(this.#faults, 'nack');
    if (nacks.length === 0) return false;
    const index = this.#addresses++;
    return nacks.some(({ after, times = Infinity }) => index >= after && index < after + times);
  }

  flashFinished(chip: Rots): void {
    this.#operations++;
    if (this.#rotPending.length === 0) return;
    this.#rot(chip, (fault) => fault.after !== undefined && this.#operations >= fault.after);
  }

  beforeFlashRead(chip: ChipModel, address: number, programmed: boolean): void {
    if (this.#rotPending.length === 0 || this.#operations === 0 || !programmed) return;
    this.#rot(chip, (fault) => fault.after === undefined && fault.address - (fault.address % 4) === address);
  }

  #wireFault(fault: Faults[number], index: number, read: boolean): WireFault {
    if (fault.kind === 'no-target' || fault.kind === 'swapped-wires') return 'no-answer';
    if (fault.kind === 'ack-fault') return index === fault.after ? 'fault' : 'none';
    if (fault.kind === 'ack-wait') {
      if (index < fault.after || this.#waits >= (fault.times ?? Infinity)) return 'none';
      this.#waits++;
      return 'wait';
    }
    // Only what the target sends can reach the probe spoiled: the first read from `after` on.
    if (fault.kind !== 'parity' || index < fault.after || !read || this.#spoiled.has(fault)) return 'none';
    this.#spoiled.add(fault);
    return 'parity';
  }

  #noise({ aboveHz, chance }: FaultOf<'noise'>, bitNs: number): WireFault {
    return 1e9 / bitNs > aboveHz && this.#dice.next() / 2 ** 32 < chance ? 'parity' : 'none';
  }

  #rot(chip: Rots, due: (fault: FaultOf<'bit-rot'>) => boolean): void {
    for (const fault of this.#rotPending.filter(due)) {
      this.#rotPending.splice(this.#rotPending.indexOf(fault), 1);
      chip.flipBit?.(fault.address, fault.bit);
    }
  }
}
