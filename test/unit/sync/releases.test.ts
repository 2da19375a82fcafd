import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { openReleasePackage } from '#shared/release/release-package.ts';
import { realRandom } from '#main/app/real-clock.ts';
import { fetchRelease, isFetched, newestFirst } from '#main/sync/releases.ts';
import type { Sync } from '#main/sync/sync.ts';
import { recipeText, releaseZip, zipOf } from '#test/support/plant/release-zip.ts';
import { makeSyncRig, NEVER, type SyncRig } from './rig.ts';

let rig: SyncRig;
let sync: Sync;
let folder: string;
beforeEach(async () => {
  rig = await makeSyncRig();
  sync = await rig.open();
  await rig.enrol(sync);
  folder = mkdtempSync(join(tmpdir(), 'flashline-releases-'));
});
afterEach(async () => {
  await rig.close();
  rmSync(folder, { recursive: true });
});

/** Publishes these bytes as release `digest`; the signed document says of them what `over` does not change. */
async function publish(bytes: Uint8Array, digest: string, over: object = {}): Promise<void> {
  const what = { product: 'hello-nrf52', revision: 'B', version: '1.4.2', publishedAt: '2026-02-01T00:00:00.000Z' };
  rig.plant.catalog.releases = [{ digest, ...what, sha256: sha256Hex(bytes), size: bytes.length, ...over }];
  rig.plant.packages.set(digest, bytes);
  await sync.now(NEVER);
}

function fetch(digest: string): Promise<string> {
  const document = sync.book?.document;
  if (!document) throw new Error('no document');
  return fetchRelease({ folder, document, session: sync.session(), random: realRandom, signal: NEVER }, digest);
}

describe('a release', () => {
  it('comes down whole, proven, and once', async () => {
    const bytes = await releaseZip();
    const { digest } = await openReleasePackage('x', bytes);
    await publish(bytes, digest);
    expect(await isFetched(folder, digest)).toBe(false);
    const path = await fetch(digest);
    expect(path).toBe(join(folder, digest));
    expect(readFileSync(join(path, 'recipe.yaml'), 'utf8')).toBe(recipeText());
    expect(readdirSync(folder)).toEqual([digest]);
    const { length } = rig.served.calls;
    await fetch(digest);
    expect(rig.served.calls).toHaveLength(length);
  });

  it.each(['other bytes', 'another length', 'another release'])('is not kept with %s', async (wrong) => {
    const [bytes, other] = [await releaseZip(), await releaseZip({ version: '6.6.6' })];
    const { digest } = await openReleasePackage('x', bytes);
    if (wrong === 'another release') await publish(other, digest);
    else await publish(bytes, digest);
    if (wrong === 'other bytes') rig.plant.packages.set(digest, bytes.with(40, (bytes[40] ?? 0) ^ 1));
    if (wrong === 'another length') rig.plant.packages.set(digest, bytes.slice(1));
    await expect(fetch(digest)).rejects.toMatchObject({ failure: { code: 'plant-untrusted' } });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('larger than was signed for is not read to its end, and one that is not published is not asked for', async () => {
    const bytes = await releaseZip();
    const { digest } = await openReleasePackage('x', bytes);
    await publish(bytes, digest, { size: 10 });
    await expect(fetch(digest)).rejects.toMatchObject({ failure: { code: 'plant-protocol' } });
    const { length } = rig.served.calls;
    await expect(fetch('0'.repeat(64))).rejects.toMatchObject({ failure: { code: 'release-withdrawn' } });
    expect(rig.served.calls).toHaveLength(length);
  });

  it('with a path that leads out of it writes nothing anywhere', async () => {
    const bytes = await zipOf([
      { path: 'recipe.yaml', bytes: recipeText() },
      { path: '../outside.hex', bytes: ':00000001FF\n' },
    ]);
    await publish(bytes, 'c'.repeat(64));
    await expect(fetch('c'.repeat(64))).rejects.toMatchObject({ failure: { code: 'package-invalid' } });
    expect(readdirSync(folder)).toEqual([]);
    expect(existsSync(join(folder, '..', 'outside.hex'))).toBe(false);
  });

  it('that breaks off half-way leaves nothing, and comes with the next try', async () => {
    const bytes = await releaseZip();
    const { digest } = await openReleasePackage('x', bytes);
    await publish(bytes, digest);
    rig.served.fault = (call) => (call.includes('/package') ? 'half' : null);
    await expect(fetch(digest)).rejects.toMatchObject({ failure: { code: 'plant-unreachable' } });
    expect(readdirSync(folder)).toEqual([]);
    rig.served.fault = () => null;
    expect(await isFetched(folder, digest)).toBe(false);
    await fetch(digest);
    expect(await isFetched(folder, digest)).toBe(true);
  });

  it('is the newest of its product by when it was published', async () => {
    const at = (digest: string, product: string, publishedAt: string) => {
      const what = { revision: 'A', version: '1', sha256: '0'.repeat(64), size: 1 };
      return { digest: digest.repeat(64), product, publishedAt, ...what };
    };
    rig.plant.catalog.releases = [
      at('1', 'a', '2026-01-01T00:00:00.000Z'),
      at('2', 'a', '2026-03-01T00:00:00.000Z'),
      at('3', 'b', '2026-04-01T00:00:00.000Z'),
    ];
    await sync.now(NEVER);
    const document = sync.book?.document;
    expect(document && newestFirst(document, 'a').map(({ digest }) => digest[0])).toEqual(['2', '1']);
  });
});
