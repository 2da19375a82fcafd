import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import type { OpenStep } from './open-safely.ts';
import type { SalvageStep } from './salvage.ts';

/** People read it: more often than this helps nobody. */
const EVERY_MS = 250;

/**
 * Where each step of making a log anew begins, in percent of the whole, as it went with a million records (4 GB: of 415 s,
 * 47 s to copy, 101 s to read, 241 s to place, 26 s to settle and until it was on the disk).
 */
const BEGINS: Readonly<Record<SalvageStep, number>> = { copy: 0, read: 11, place: 36, settle: 94 };
const ENDS: Readonly<Record<SalvageStep, number>> = { copy: 11, read: 36, place: 94, settle: 100 };

export interface OpeningProgressOptions {
  readonly clock: Clock;
  /** Told whenever the step or its percent is another one, but not more often than anybody can read. */
  readonly tell: (opening: LogOpening) => void;
  /** Asked with every page and record; true ends the opening with `log-opening-stopped`, and the damaged log stands where it stood. */
  readonly isEnded: () => boolean;
}

/** Makes of the many steps of an opening the few words that are told of it. What it returns is handed to `openSafely`. */
export function openingProgress({ clock, tell, isEnded }: OpeningProgressOptions) {
  let told: LogOpening | null = null;
  let toldAt = 0;
  return (step: OpenStep, done: number, total: number | null): void => {
    if (isEnded()) throw new FlashlineError('log-opening-stopped');
    const opening = openingAt(step, done, total);
    const isNext = told?.step !== opening.step;
    if (!isNext && (told?.percent === opening.percent || clock.monotonic() - toldAt < EVERY_MS)) return;
    told = opening;
    toldAt = clock.monotonic();
    tell(opening);
  };
}

function openingAt(step: OpenStep, done: number, total: number | null): LogOpening {
  const share = total === null ? null : Math.min(1, done / Math.max(1, total));
  if (step === 'wait' || step === 'check') return { step, percent: share === null ? null : Math.floor(share * 100) };
  return { step: 'mend', percent: Math.floor(BEGINS[step] + (ENDS[step] - BEGINS[step]) * (share ?? 0)) };
}
