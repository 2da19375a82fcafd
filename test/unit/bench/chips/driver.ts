import { CHIPS } from '#main/bench/chips.ts';
import type { ChipModel } from '#main/bench/chip.ts';

/** A chip with a time of its own: every access happens when the one before it let go of the bus. */
export class Driver {
  readonly chip: ChipModel;
  now = 0;

  constructor(name: string, seed = 1, wrongPart = false) {
    const kind = CHIPS[name];
    if (!kind) throw new Error(`no model of ${name}`);
    this.chip = kind.make({
      idWords: [0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00],
      seed,
      wrongPart: () => wrongPart,
    });
  }

  read(address: number, size: 1 | 2 | 4 = 4): number {
    const result = this.chip.read(address, size, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
    return result.value;
  }

  write(address: number, value: number, size: 1 | 2 | 4 = 4): void {
    const result = this.chip.write(address, size, value, this.now);
    if (result.fault) throw new Error('bus fault');
    this.now = result.doneAt;
  }

  /** Until the controller is idle; how long that took, in nanoseconds. */
  idle(): number {
    const from = this.now;
    this.now = this.chip.flashIdleAt(this.now) ?? this.now;
    this.chip.flashIdleAt(this.now);
    return this.now - from;
  }
}
