import { expect, it } from 'vitest';
import { concat } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { ProbeName } from '#main/bench/probe-profile.ts';
import { newBench, runUnit } from './bench-run.ts';
import { application, cells, image, noise, preload } from './releases.ts';

const KIB = 1024;
/** Bits of an SWD read at 8 MHz (ADIv5.2, B4.2): what reading costs at least. */
const wireMs = (bytes: number) => ((bytes / 4) * 46) / 8000;

it('flashes a blank unit at the flash’s own speed and reads back at the wire’s', async () => {
  const bench = newBench();
  const size = 128 * KIB;
  const app = application(size, 1);
  const { identity, plan, outcome, link, ms } = await runUnit(bench, 'A', [app]);
  expect(identity).toMatchObject({ chip: 'nrf52840', locks: { APPROTECT: '0xFFFFFFFF' } });
  expect(identity.uid).toMatch(/^[0-9a-f]{16}$/);
  const data = app.image.segments[0]?.data ?? new Uint8Array();
  expect(cells(bench, 'A', 0, size)).toEqual(data);
  const proof = { readBack: { application: sha256Hex(data) }, provenBy: {}, bytesWritten: size };
  expect(outcome).toEqual({ ...proof, rot: [], unproven: 0 });
  expect(plan.operations.some(({ op }) => op === 'erase' || op === 'invalidate')).toBe(false);
  expect(ms.program).toBeLessThan(plan.flashMs * 1.005);
  // Samples of every page come first: a few round trips.
  expect(ms.survey).toBeLessThan(wireMs(size) * 1.03 + 10);
  expect(ms.verify).toBeLessThan(wireMs(size) * 1.03);
  expect(link.mostInFlight).toBe(4);
  expect(bench.boardFor('nrf52840', 'A').report().overwrittenWords).toEqual([]);
});

it('rewrites only the pages that differ, and then reads all of it back', async () => {
  const bench = newBench();
  const old = application(40 * KIB, 1);
  preload(bench, 'A', [old]);
  const data = Uint8Array.from(old.image.segments[0]?.data ?? []);
  data[17 * KIB] = 0x55;
  const { plan, outcome, ms } = await runUnit(bench, 'A', [image('application', { address: 0, data })]);
  // The page that changed, and the flag's: nothing may change while the flag stands.
  expect(plan).toMatchObject({ pagesToErase: 2, bytesSkipped: 32 * KIB });
  expect(outcome.readBack.application).toBe(sha256Hex(data));
  expect(ms.erase + ms.invalidate).toBeLessThan(2 * 85 * 1.1);
  expect(cells(bench, 'A', 0, data.length)).toEqual(data);
  const again = await runUnit(bench, 'A', [image('application', { address: 0, data })]);
  expect(again.outcome.bytesWritten).toBe(0);
  expect(again.plan.operations.map(({ op }) => op)).toEqual(['verify']);
});

it('puts bootloader, application and user registers in place, bootloader first', async () => {
  const bench = newBench();
  const bootloader = application(5000, 2).image.segments[0]?.data ?? new Uint8Array();
  const appData = application(9001, 3, 0x8000).image.segments[0]?.data ?? new Uint8Array();
  const registers = noise(16, 4);
  const release = [
    image('application', { address: 0x8000, data: appData }, { address: 0x1000_1080, data: registers }),
    image('bootloader', { address: 0, data: bootloader }),
  ];
  preload(bench, 'A', [image('bootloader', { address: 0, data: noise(5000, 9) }), application(9001, 10, 0x8000)]);
  preload(bench, 'A', [image('filesystem', { address: 0x1000_1080, data: noise(16, 11) })]);
  const written: string[] = [];
  const { outcome } = await runUnit(bench, 'A', release, {
    hooks: {
      beforeChange: (operation) => {
        written.push('role' in operation ? `${operation.op} ${operation.role}` : operation.op);
        return Promise.resolve();
      },
    },
  });
  expect(written.slice(0, 2)).toEqual(['invalidate application', 'invalidate bootloader']);
  expect(written.indexOf('validate bootloader')).toBeLessThan(written.indexOf('program application'));
  expect(outcome.readBack).toEqual({
    bootloader: sha256Hex(bootloader),
    application: sha256Hex(concat([appData, registers])),
  });
  expect(cells(bench, 'A', 0, 5000)).toEqual(bootloader);
  expect(cells(bench, 'A', 0x8000, 9001)).toEqual(appData);
  expect(cells(bench, 'A', 0x1000_1080, 16)).toEqual(registers);
});

it.each<[ProbeName, number]>([
  ['high-speed', 4],
  ['full-speed', 4],
  ['hid', 4],
  ['hid-single', 1],
])('works by a %s probe, never with more under way than it holds', async (probe, packetCount) => {
  const bench = newBench();
  const app = application(12_345, 5);
  preload(bench, 'A', [application(12_345, 6)]);
  const { link } = await runUnit(bench, 'A', [app], { probe });
  expect(cells(bench, 'A', 0, 12_345)).toEqual(app.image.segments[0]?.data);
  expect(link.mostInFlight).toBeLessThanOrEqual(packetCount);
});
