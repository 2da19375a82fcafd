import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { composeHost } from '#main/app/compose-host.ts';
import type { Failure } from '#shared/model/failure.ts';
import { ROOT } from '#test/support/cli.ts';

const home = mkdtempSync(join(tmpdir(), 'flashline-troubles-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const warnings: Failure[] = [];
const open = () =>
  composeHost({
    resources: join(ROOT, 'resources'),
    home,
    appVersion: '0.0.0-test',
    bench: true,
    release: null,
    probes: [],
    warn: (failure) => warnings.push(failure),
  });

it('a log that was set aside while nobody looked is on the station’s screen until somebody has seen it', async () => {
  const first = await open();
  expect(first.station.state().troubles).toBeUndefined();
  first.station.scan({ code: 'HB000001' });
  expect(await first.station.runSlot({ slot: '1', rework: false })).toMatchObject({ verdict: 'PASS' });
  await first.close();
  truncateSync(join(home, 'station.db'), 5000);

  const second = await open();
  expect(warnings.map(({ code }) => code)).toEqual(['log-set-aside']);
  expect(second.station.state().troubles).toEqual(warnings);
  const told: (readonly Failure[])[] = [];
  second.station.subscribe({
    slotChanged: () => undefined,
    stationChanged: ({ troubles = [] }) => told.push(troubles),
  });
  second.station.acknowledgeTrouble('log-set-aside');
  expect(told).toEqual([[]]);
  await second.close();
});
