import type { SerialLines } from '../../link/link.ts';

/** DTR and RTS as they are set together, and how long they stay so. */
export interface LineStep {
  readonly lines: Required<SerialLines>;
  readonly ms: number;
}

/** How a board's wiring of DTR and RTS to BOOT0 and NRST brings it into its boot loader, and out again into its firmware. */
export interface EntryStrategy {
  readonly enter: readonly LineStep[];
  readonly leave: readonly LineStep[];
}

/** NRST needs 20 us at least (data sheets, NRST pin); adapters need a frame, and capacitors on the line more. */
const RESET_MS = 10;
/** From NRST to a boot loader that listens: the data sheets' start-up times are below 1 ms; AN2606 has up to 50 ms. */
const START_MS = 60;

/** Which line does what. An asserted line resets; an asserted one selects the boot loader, or where `inverted` a released one. */
function wiring(boot: 'dtr' | 'rts', inverted: boolean): EntryStrategy {
  const set = (select: boolean, reset: boolean): Required<SerialLines> => {
    const bootLine = select !== inverted;
    return boot === 'dtr' ? { dtr: bootLine, rts: reset } : { dtr: reset, rts: bootLine };
  };
  // BOOT0 is sampled as NRST rises: it is there before, and stays until the session ends, for protection commands reset the chip.
  return {
    enter: [
      { lines: set(true, true), ms: RESET_MS },
      { lines: set(true, false), ms: START_MS },
    ],
    leave: [
      { lines: set(false, true), ms: RESET_MS },
      { lines: set(false, false), ms: 0 },
    ],
  };
}

/** The strategies, by the name that an address gives (`entry=`); `none`: a fixture's relay does it, or nobody has to. */
export const STRATEGIES: Readonly<Record<string, EntryStrategy>> = {
  'dtr-boot-rts-reset': wiring('dtr', false),
  'rts-boot-dtr-reset': wiring('rts', false),
  'not-dtr-boot-rts-reset': wiring('dtr', true),
  'not-rts-boot-dtr-reset': wiring('rts', true),
  none: { enter: [], leave: [] },
};

export const DEFAULT_STRATEGY = 'dtr-boot-rts-reset';

export function strategyNamed(name: string): EntryStrategy | undefined {
  return Object.hasOwn(STRATEGIES, name) ? STRATEGIES[name] : undefined;
}
