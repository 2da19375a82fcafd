import type { ChipFactory } from '#main/bench/chip.ts';
import { Nrf52840 } from '#main/bench/nrf/nrf52840.ts';
import { jtagDpTap } from '#main/bench/jtag/jtag-dp.ts';
import { Tap } from '#main/bench/jtag/tap.ts';

/** A Cortex-M behind an SWJ-DP: the two TAPs of an STM32F407, the debug port nearest to TDO, on a core that is at hand. */
export class JtagChip extends Nrf52840 {
  readonly taps: readonly Tap[];

  constructor(factory: ChipFactory) {
    super(factory);
    this.taps = [
      jtagDpTap('cpu', CPU_IDCODE, this.debugPorts[0].registers),
      new Tap({
        name: 'bs',
        irLength: 5,
        captureIr: 0b00001,
        idcode: { instruction: 0b00001, value: () => BOUNDARY_IDCODE },
      }),
    ];
  }
}

/** JTAG-DP of a Cortex-M3 or M4; the boundary scan of an STM32F407 (RM0090, 38.6.2). */
export const CPU_IDCODE = 0x4ba00477;
export const BOUNDARY_IDCODE = 0x06413041;
