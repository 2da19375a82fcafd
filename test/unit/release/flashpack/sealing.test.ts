import { beforeAll, describe, expect, test } from 'vitest';
import { isSealed, makeIdentity, recipientOf, sealPack, unsealPack } from '#main/release/flashpack/sealing.ts';
import { failureOf } from '../failure-of.ts';

const PACK = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) & 0xff);

describe('a pack that is encrypted', () => {
  let ours: Awaited<ReturnType<typeof makeIdentity>>;
  let theirs: Awaited<ReturnType<typeof makeIdentity>>;
  let sealed: Uint8Array;
  beforeAll(async () => {
    ours = await makeIdentity();
    theirs = await makeIdentity();
    sealed = await sealPack(PACK, [ours.recipient, theirs.recipient]);
  });
  const opened = (bytes: Uint8Array, identity: string | null) => unsealPack('x.flashpack', bytes, identity);

  test('opens for each station that it is for, and no other', async () => {
    expect([isSealed(sealed), isSealed(PACK), isSealed(new Uint8Array())]).toEqual([true, false, false]);
    expect(await recipientOf(ours.identity)).toBe(ours.recipient);
    for (const { identity } of [ours, theirs]) expect(await opened(sealed, identity)).toEqual(PACK);
    const { identity } = await makeIdentity();
    for (const other of [identity, null])
      expect(await failureOf(() => opened(sealed, other))).toMatchObject({ code: 'release-sealed', blame: 'recipe' });
  });

  test('is refused as damaged wherever it is changed or ends', async () => {
    const places = [40, 150, 400, 70_000, sealed.length - 1];
    for (const at of places) {
      const changed = sealed.with(at, (sealed[at] ?? 0) ^ 1);
      for (const bytes of [changed, sealed.subarray(0, at)])
        expect(['package-invalid', 'release-sealed']).toContain(
          (await failureOf(() => opened(bytes, ours.identity))).code,
        );
    }
  });

  test('is not made for what is no recipient', async () => {
    for (const wrong of ['', 'age1xyz', ours.identity])
      expect(await failureOf(() => sealPack(PACK, [wrong]))).toMatchObject({ code: 'usage' });
  });
});
