import { generateKeyPairSync } from 'node:crypto';
import { assert, asyncProperty, integer, uint8Array } from '#test/support/fast-check.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { canonicalJson } from '#shared/model/record-chain.ts';
import { type Manifest, manifestBytes } from '#shared/release/manifest.ts';
import { ReleasePrivateKey, releaseKeyId } from '#shared/release/release-signature.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import type { TrustList } from '#main/release/flashpack/trust-list.ts';
import { type RawEntry, rawZip } from '#test/support/raw-zip.ts';
import { ed25519Key, trustIn } from '#test/support/release-keys.ts';
import { zipOf } from '#test/support/plant/release-zip.ts';
import { failureOf } from '../failure-of.ts';
import { memoryFiles } from '../memory-files.ts';
import { APP, BOOT, build, entriesOf, FILES, FOLDER, KEY, manifestOf, NOW, open, RECIPE } from './packs.ts';

let trust: TrustList;
beforeAll(async () => {
  trust = await trustIn({ key: KEY, name: 'Release 2027' });
});

const refused = (bytes: Uint8Array, list = trust, now = NOW) => failureOf(() => open(bytes, list, now));
const entry = (name: string, bytes: RawEntry['bytes'] = 'x', mode = 0o100644): RawEntry => ({ name, bytes, mode });

describe('a pack', () => {
  test('is the folder’s release, part by part, and says whose it is', async () => {
    const chips = await loadChips(['resources/chips'], nodeFiles);
    const folder = await openRelease('/r', { chips, files: memoryFiles(FOLDER) });
    const { pack, signedBy, recipe, files } = await open(await build(), trust);
    const packed = await openRelease(recipe, { chips, files });
    expect(packed.digest).toBe(folder.digest);
    expect(packed.layout.images).toEqual(folder.layout.images.map((image) => ({ ...image, file: expect.any(String) })));
    expect([pack.digest, pack.manifest?.release]).toEqual([folder.digest, folder.digest]);
    expect(await pack.file('sub/boot.bin')).toEqual(BOOT);
    expect(signedBy).toEqual({ by: 'release-key', keyId: await releaseKeyId(KEY), name: 'Release 2027' });
  });

  test('has the same bytes for the same input, on every computer', async () => {
    const bytes = await build();
    expect(await build()).toEqual(bytes);
    // Changes only with the format: what stations have is then another file for the same release.
    expect(sha256Hex(bytes)).toBe('6a02c8c82ede0299032aa12c42c567ebbac58df43f6ea733271796f5d1664cc1');
  });

  test('is signed by ECDSA P-256 too', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = ReleasePrivateKey.parse(privateKey.export({ format: 'jwk' }));
    const opened = await open(await build(key), await trustIn({ key }));
    expect(opened.signedBy).toMatchObject({ keyId: await releaseKeyId(key) });
  });

  test('that nobody signed says so', async () => {
    expect((await open(await build(null), trust)).signedBy).toBe('unsigned');
  });

  test.each([
    ['by a key that is not on the list', 8, {}, 'release-key-unknown'],
    ['before its time', 7, { from: '2027-06-01T12:00:00.001Z' }, 'release-key-early'],
    ['after its time', 7, { until: '2027-06-01T12:00:00.000Z' }, 'release-key-ended'],
  ])('signed %s is refused', async (_, number, dates, code) => {
    const list = await trustIn({ key: KEY, ...dates });
    expect(await refused(await build(ed25519Key(number)), list)).toMatchObject({ code, blame: 'recipe' });
  });

  test('signed in its time is taken up to the last millisecond', async () => {
    const list = await trustIn({ key: KEY, from: '2027-06-01T12:00:00.000Z', until: '2027-06-01T12:00:00.001Z' });
    expect((await open(await build(), list)).signedBy).toMatchObject({ name: 'Release' });
  });
});

const changed = (change: (manifest: Manifest) => object) =>
  entriesOf(FILES, encoded(canonicalJson(change(manifestOf(FILES)))));
const encoded = (text: string) => new TextEncoder().encode(text);
const app = () => manifestOf(FILES).parts.filter(({ path }) => path === 'app.bin');

describe('a pack is refused, and told why, that', () => {
  test.each<[string, () => RawEntry[] | Promise<RawEntry[]>, string]>([
    ['has no manifest', () => [entry('recipe.yaml', RECIPE), entry('app.bin', APP)], 'it has no manifest.json'],
    [
      'has a part that is not named',
      async () => [...(await entriesOf(FILES)), entry('notes.txt')],
      'it has notes.txt, which its manifest.json does not name',
    ],
    [
      'lacks a part',
      async () => (await entriesOf(FILES)).slice(0, -1),
      'it has no sub/boot.bin, which its manifest.json names',
    ],
    ['names a part twice', () => changed((m) => ({ ...m, parts: [...m.parts, ...app()] })), 'names app.bin twice'],
    [
      'does not name an image',
      async () => (await changed((m) => ({ ...m, parts: m.parts.slice(0, 2) }))).slice(0, -1),
      'does not name sub/boot.bin',
    ],
    [
      'names what no recipe uses',
      () => entriesOf({ ...FILES, 'more.bin': 'x' }),
      'names more.bin, which the recipe does not use',
    ],
    [
      'names itself',
      () => changed((m) => ({ ...m, parts: m.parts.map((p) => ({ ...p, path: 'manifest.jws' })) })),
      'is no manifest',
    ],
    [
      'has other bytes',
      async () => [...(await entriesOf(FILES)).slice(0, -1), entry('sub/boot.bin', BOOT.toReversed())],
      'sub/boot.bin is not the one of its manifest.json',
    ],
    [
      'has a longer part',
      () => changed((m) => ({ ...m, parts: m.parts.map((p) => ({ ...p, size: p.size + 1 })) })),
      'is not the one of its manifest.json',
    ],
    [
      'is of another product',
      () => changed((m) => ({ ...m, product: { id: 'hallo', revision: 'A' } })),
      'its recipe of another product',
    ],
    [
      'is of another release',
      () => changed((m) => ({ ...m, release: '0'.repeat(64) })),
      'its manifest.json is of release 000',
    ],
    [
      'has white space in its manifest',
      () => entriesOf(FILES, encoded(`${canonicalJson(manifestOf(FILES))}\n`)),
      'is not canonical JSON',
    ],
    [
      'says a thing twice',
      () => entriesOf(FILES, encoded(canonicalJson(manifestOf(FILES)).replace('{', '{"schema":1,'))),
      'is not canonical JSON',
    ],
    ['has no JSON', () => entriesOf(FILES, encoded('{')), 'its manifest.json is not JSON'],
    ['has a file twice', async () => [...(await entriesOf(FILES)), entry('app.bin', APP)], 'it has a file twice'],
    [
      'has names that differ in case',
      async () => [...(await entriesOf(FILES)), entry('APP.bin')],
      'it has app.bin and APP.bin, which are one file on some computers',
    ],
    [
      'has names that differ in their accents',
      () => [entry('caf\u00e9'), entry('cafe\u0301')],
      'which are one file on some computers',
    ],
    [
      'leads out of itself',
      async () => [...(await entriesOf(FILES)), entry('../x')],
      'has a path that leads elsewhere',
    ],
    ['has an absolute path', async () => [...(await entriesOf(FILES)), entry('/etc/passwd')], 'has an absolute path'],
    ['has a link', async () => [...(await entriesOf(FILES)), entry('link', '/etc/passwd', 0o120777)], 'is a link'],
    [
      'has a signature that looks like a folder',
      async () => {
        const entries = await entriesOf(FILES);
        return entries.map((each) => (each.name === 'manifest.jws' ? entry(each.name, each.bytes, 0o040755) : each));
      },
      'is a folder and a file at once',
    ],
    [
      'has 10,000 entries',
      () => Array.from({ length: 10_000 }, (_, index) => entry(`f${index}`, '')),
      'it has more than 64 files',
    ],
  ])('%s', async (_, entries, detail) => {
    const failure = await refused(rawZip(await entries()));
    expect(failure).toMatchObject({ code: 'package-invalid', where: { file: 'x.flashpack' } });
    expect(failure.params['detail']).toContain(detail);
  });

  test('is a bomb', async () => {
    const zeros = new Uint8Array(48 * 1024 * 1024);
    const files = [...(await entriesOf(FILES)).slice(0, 3), entry('app.bin', zeros)];
    const bomb = await zipOf(
      files.map(({ name, bytes }) => ({ path: name, bytes })),
      1,
    );
    expect(bomb.length).toBeLessThan(1_000_000);
    expect((await refused(bomb)).params['detail']).toContain('100 times');
  });

  test('was signed anew over another manifest, by whom we do not trust, or by nobody', async () => {
    const evil = manifestBytes({ ...manifestOf(FILES), release: '1'.repeat(64) });
    const [, signature] = await entriesOf(FILES);
    const rest = (await entriesOf(FILES)).slice(2);
    const forged = [entry('manifest.json', evil), entry('manifest.jws', signature?.bytes), ...rest];
    expect(await refused(rawZip(forged))).toMatchObject({ code: 'release-signature' });
    const [manifest] = await entriesOf(FILES);
    for (const jws of ['', 'x', 'a..b', 'e30..e30', String(signature?.bytes).replace('..', '.e30.')])
      expect(
        await refused(rawZip([entry('manifest.json', manifest?.bytes), entry('manifest.jws', jws), ...rest])),
      ).toMatchObject({ code: 'release-signature' });
    // The key on the list is what counts, not what the header says of it.
    const [other] = (await trustIn({ key: ed25519Key(9) })).keys;
    const [ours] = trust.keys;
    if (!other || !ours) throw new Error('no keys');
    const relabelled = { ...trust, keys: [{ ...other, keyId: ours.keyId }] };
    expect(await refused(await build(), relabelled)).toMatchObject({ code: 'release-signature' });
  });

  test('came of a newer version', async () => {
    const newer = await entriesOf(FILES, encoded(canonicalJson({ ...manifestOf(FILES), schema: 2, more: true })));
    expect(await refused(rawZip(newer))).toMatchObject({
      code: 'release-newer',
      params: { schema: '2', known: '1', what: 'manifest.json' },
    });
    const recipe = RECIPE.replace('schema: 1', 'schema: 2\nhologram: true');
    const files = { ...FILES, 'recipe.yaml': recipe };
    const pack = await entriesOf(files, newRecipe(recipe));
    expect(await refused(rawZip(pack))).toMatchObject({
      code: 'release-newer',
      where: { line: 1, path: 'schema' },
      params: { what: 'recipe', schema: '2' },
    });
  });

  test('ends before its end', async () => {
    const whole = await build();
    for (const size of [0, 1, 30, 400, whole.length - 23, whole.length - 1])
      expect(await refused(whole.subarray(0, size))).toMatchObject({ code: 'package-invalid' });
  });
});

function newRecipe(recipe: string): Uint8Array {
  const old = manifestOf(FILES);
  const bytes = encoded(recipe);
  const parts = old.parts.map((part) =>
    part.path === 'recipe.yaml' ? { ...part, size: bytes.length, sha256: sha256Hex(bytes) } : part,
  );
  return manifestBytes({ ...old, parts });
}

const REFUSALS: ReadonlySet<string> = new Set([
  'package-invalid',
  'recipe-invalid',
  'release-newer',
  'release-signature',
  'release-key-unknown',
]);

const RUNS = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

test(
  'whatever is changed in a signed pack, it is refused, or is the same release signed by the same key',
  async () => {
    const whole = await build();
    const { pack, signedBy } = await open(whole, trust);
    const right = { digest: pack.digest, signedBy };
    const anywhere = integer({ min: 0, max: whole.length - 1 });
    const property = asyncProperty(anywhere, uint8Array({ minLength: 1, maxLength: 8 }), async (at, garbage) => {
      const damaged = whole.slice();
      damaged.set(garbage.subarray(0, whole.length - at), at);
      const outcome = await open(damaged, trust).then(
        (opened) => ({ digest: opened.pack.digest, signedBy: opened.signedBy }),
        (thrown: unknown) =>
          failureOf(() => {
            throw thrown;
          }),
      );
      expect('code' in outcome ? REFUSALS.has(outcome.code) : outcome).toEqual('code' in outcome || right);
    });
    await assert(property, { numRuns: RUNS });
  },
  RUNS * 120,
);
