import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import type { UnitLog } from '#main/log/log.ts';
import type { Connection } from '#main/programmer/programmer.ts';
import type { Release } from '#main/release/open-release.ts';
import { type OpenFlash, releaseEngine } from '#main/station/release-engine.ts';
import { executeRun, type RunEnd } from '#main/station/run.ts';

/** Nobody waits for the time of day here: deadlines of tear-down are for what hangs, and nothing hangs on a virtual clock. */
const STILL: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (_ms, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    }),
};

const zeros: RandomBytes = (length) => new Uint8Array(length);

export interface UnitUnderRun {
  readonly release: Release;
  readonly connection: Connection;
  readonly openFlash: OpenFlash;
  readonly log: UnitLog;
  readonly serial?: string;
  readonly random?: RandomBytes;
  readonly rework?: boolean;
  readonly onEvent?: (event: RunEvent) => void;
}

/** One run as the station does it, journal and record included; only slot, screen and disk are left out. */
export function runUnit(unit: UnitUnderRun): Promise<RunEnd> {
  const { release, connection, openFlash, log, onEvent, serial = 'A', random = zeros, rework = false } = unit;
  return executeRun(
    { serial, slot: '1', probe: 'bench:unit', rework },
    releaseEngine(release, openFlash),
    {
      connect: () => connection,
      log,
      wallClock: STILL,
      random,
      station: 'power',
      operator: 'nobody',
      appVersion: '0',
      describeFailure: ({ code }) => ({ message: code, remedy: '' }),
      warn: () => undefined,
    },
    new AbortController().signal,
    (event) => onEvent?.(event),
  );
}

export function codeOf(end: RunEnd): string {
  return end.failure === null ? end.verdict : `${end.verdict} ${end.failure.code} ${end.failure.cause ?? ''}`;
}
