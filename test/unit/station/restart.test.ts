import { describe, expect, it } from 'vitest';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { NRF52840_SWD } from '#test/support/power/cortex-m-families.ts';
import { MemoryLog } from '#test/support/power/memory-log.ts';
import { runUnit } from '#test/support/power/run-unit.ts';
import { carryingOf, holds } from '#test/support/power/sweep.ts';

/** Bytes that the next run of a unit writes which carries the release but for its locks, its last run having ended so. */
async function bytesWritten(restart: 'resume' | 'restart' | undefined, ends: readonly string[]): Promise<number> {
  const made = await NRF52840_SWD.release(11);
  const release = { ...made, recipe: { ...made.recipe, ...(restart ? { restart } : {}) } };
  const cells = carryingOf(NRF52840_SWD, release);
  const log = new MemoryLog();
  log.records = () =>
    Promise.resolve(ends.map((verdict) => ({ verdict, probe: 'bench:unit', serial: 'A' }) as UnitRecord));
  const end = await runUnit({
    release,
    connection: NRF52840_SWD.direct(release, cells),
    openFlash: (unit, io) => ('openFlash' in unit ? unit.openFlash(io) : Promise.reject(new Error('no flash'))),
    log,
  });
  expect(end.verdict).toBe('PASS');
  expect(holds(cells, release)).toBe(true);
  return end.record?.bytesWritten ?? -1;
}

describe('the next run of a unit', () => {
  it('writes all of it anew where its last run was broken off and the recipe says restart', async () => {
    expect(await bytesWritten('restart', ['INTERRUPTED', 'PASS'])).toBeGreaterThan(8000);
  });

  it.each([
    ['resume', ['INTERRUPTED']],
    [undefined, ['INTERRUPTED']],
    ['restart', ['FAIL', 'INTERRUPTED']],
    ['restart', []],
  ] as const)('keeps what is there and right where it says %s and the last ended with %j', async (restart, ends) => {
    expect(await bytesWritten(restart, ends)).toBe(0);
  });
});
