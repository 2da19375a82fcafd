import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { openReleasePackage } from '#shared/release/release-package.ts';
import { choosePlantRelease, isFromPlant, isPlantRelease } from '#main/app/plant-release.ts';
import type { Sync } from '#main/sync/sync.ts';
import { releaseZip } from '#test/support/plant/release-zip.ts';
import { makeSyncRig, NEVER, type SyncRig } from '../sync/rig.ts';

let rig: SyncRig;
let sync: Sync;
let home: string;
beforeEach(async () => {
  rig = await makeSyncRig();
  sync = await rig.open();
  home = mkdtempSync(join(tmpdir(), 'flashline-home-'));
});
afterEach(async () => {
  await rig.close();
  rmSync(home, { recursive: true });
});

const choose = (release: string) =>
  choosePlantRelease(release, { home, sync, signal: NEVER, warn: (failure) => rig.warnings.push(failure) });

async function publish(version: string, publishedAt: string): Promise<string> {
  const bytes = await releaseZip({ version });
  const { digest, recipe } = await openReleasePackage('x', bytes);
  const what = { product: recipe.product.id, revision: 'B', version, publishedAt };
  rig.plant.catalog.releases.push({ digest, ...what, sha256: sha256Hex(bytes), size: bytes.length });
  rig.plant.packages.set(digest, bytes);
  return digest;
}

it('is the newest that is published; with the plant gone, the newest of those that are here and still published', async () => {
  await expect(choose('plant:hello-nrf52')).rejects.toMatchObject({ failure: { code: 'not-enrolled' } });
  const [older, newer] = [
    await publish('1.0.0', '2026-01-01T00:00:00.000Z'),
    await publish('2.0.0', '2026-02-01T00:00:00.000Z'),
  ];
  await rig.enrol(sync);
  await expect(choose('plant:gateway')).rejects.toMatchObject({ failure: { code: 'no-release' } });
  rig.served.fault = (call) => (call.includes('/package') ? 'reset' : null);
  await expect(choose('plant:hello-nrf52')).rejects.toMatchObject({ failure: { code: 'plant-unreachable' } });

  mkdirSync(join(home, 'releases', older), { recursive: true });
  writeFileSync(join(home, 'releases', older, 'recipe.yaml'), '');
  expect(await choose('plant:hello-nrf52')).toBe(join(home, 'releases', older));
  expect(rig.warnings.at(-1)).toMatchObject({ code: 'plant-unreachable' });
  rig.served.fault = () => null;
  expect(await choose('plant:hello-nrf52')).toBe(join(home, 'releases', newer));
  rig.plant.catalog.releases.splice(1);
  expect(await choose('plant:hello-nrf52')).toBe(join(home, 'releases', older));
});

it('is told from what lies elsewhere', () => {
  expect(isPlantRelease('plant:a')).toBe(true);
  expect([isPlantRelease('a'), isPlantRelease(null)]).toEqual([false, false]);
  expect(isFromPlant(join(home, 'releases', 'x'), home)).toBe(true);
  expect(isFromPlant(join(home, 'releases', '..', 'x'), home)).toBe(false);
});
