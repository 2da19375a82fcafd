import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, asyncProperty, integer, uint8Array } from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { openReleasePackage } from '#shared/release/release-package.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import { recipeText, releaseZip, zipOf } from '#test/support/plant/release-zip.ts';
import { failureOf } from './failure-of.ts';

const RECIPE = { path: 'recipe.yaml', bytes: recipeText() };
const IMAGE = { path: 'app.hex', bytes: ':00000001FF\n' };
const open = (bytes: Uint8Array) => openReleasePackage('x.zip', bytes);
const refused = (bytes: Uint8Array) => failureOf(() => open(bytes));

describe('a release package', () => {
  test.each(['hello-nrf51822', 'hello-nrf52840'])(
    'has the digest that a station gives to the folder %s',
    async (name) => {
      const folder = join('resources', 'demo', name);
      const chips = await loadChips(['resources/chips'], nodeFiles);
      const { digest, recipe } = await openRelease(folder, { files: nodeFiles, chips });
      const paths = ['recipe.yaml', ...recipe.images.map(({ file }) => file)];
      const packed = await open(await zipOf(paths.map((path) => ({ path, bytes: readFileSync(join(folder, path)) }))));
      expect(packed.digest).toBe(digest);
      expect(packed.recipe).toEqual(recipe);
      for (const path of paths)
        expect(await packed.file(path)).toEqual(new Uint8Array(readFileSync(join(folder, path))));
    },
  );

  test('has one digest, whichever way it was zipped', async () => {
    const stored = await zipOf([IMAGE, { path: 'notes.txt', bytes: 'by hand' }, RECIPE], 0);
    expect((await open(stored)).digest).toBe((await open(await releaseZip())).digest);
  });

  test.each([
    ['nothing', []],
    ['no zip', 'PK, but no zip at all'],
    ['no recipe', [IMAGE]],
    ['a recipe in a folder', [{ ...RECIPE, path: 'release/recipe.yaml' }, IMAGE]],
    ['no image', [RECIPE]],
    ['an empty image', [RECIPE, { ...IMAGE, bytes: '' }]],
    ['much that nobody asked for', [RECIPE, IMAGE, { path: 'film.mp4', bytes: new Uint8Array(1_100_000) }]],
    ['too many files', [RECIPE, IMAGE, ...Array.from({ length: 80 }, (_, n) => ({ path: `n${n}`, bytes: 'n' }))]],
    ['a control character in a name', [RECIPE, IMAGE, { path: 'a\nb', bytes: '' }]],
    ['a long name', [RECIPE, IMAGE, { path: 'n'.repeat(300), bytes: '' }]],
  ])('that has %s is refused in words', async (_, files) => {
    const bytes = typeof files === 'string' ? new TextEncoder().encode(files) : await zipOf(files);
    const failure = await refused(bytes);
    expect(failure).toMatchObject({ code: 'package-invalid', blame: 'recipe' });
    expect(failure.params['detail']).toMatch(/^it/);
  });

  // zip.js writes no such names: what stands for them is as long, and is replaced where it stands in the bytes.
  test.each(['../../etc/cron.d/root', '/etc/passwd', 'C:/Windows/x', 'a/../../b', 'a//b', './a', String.raw`..\..\x`])(
    'does not lead out of itself by %s',
    async (path) => {
      const mark = 'm'.repeat(path.length);
      const zip = Buffer.from(await zipOf([RECIPE, IMAGE, { path: mark, bytes: 'x' }], 0));
      const evil = Buffer.from(zip.toString('latin1').replaceAll(mark, path), 'latin1');
      expect(await refused(new Uint8Array(evil))).toMatchObject({ code: 'package-invalid' });
    },
  );

  test('says what is wrong with its recipe', async () => {
    const failure = await refused(await zipOf([{ ...RECIPE, bytes: recipeText().replace('swd', 'telepathy') }, IMAGE]));
    expect(failure).toMatchObject({ code: 'recipe-invalid', where: { line: 4, path: 'interface' } });
    const outside = recipeText().replace('file: app.hex', 'file: ../app.hex');
    expect(await refused(await zipOf([{ ...RECIPE, bytes: outside }, IMAGE]))).toMatchObject({
      code: 'recipe-invalid',
    });
  });

  test('is not unpacked when it is a bomb', async () => {
    const zeros = new Uint8Array(48 * 1024 * 1024);
    const bomb = await zipOf([RECIPE, { ...IMAGE, bytes: zeros }], 1);
    expect(bomb.length).toBeLessThan(1_000_000);
    const failure = await refused(bomb);
    expect(failure.params['detail']).toContain('100 times');
  });

  test('is not believed when it tells less than it holds', async () => {
    const image = new Uint8Array(300_000);
    const zip = Buffer.from(await zipOf([RECIPE, { ...IMAGE, bytes: image }]));
    const size = Buffer.alloc(4);
    size.writeUInt32LE(image.length);
    const small = Buffer.alloc(4);
    small.writeUInt32LE(10);
    let at = zip.indexOf(size);
    expect(at).toBeGreaterThan(0);
    for (; at >= 0; at = zip.indexOf(size)) small.copy(zip, at);
    expect(await refused(new Uint8Array(zip))).toMatchObject({ code: 'package-invalid' });
  });

  test('damaged at any place is refused, or is the same release', async () => {
    const whole = await releaseZip({ image: ':020000040000FA\n'.repeat(40) });
    const { digest } = await open(whole);
    const anywhere = integer({ min: 0, max: whole.length - 1 });
    const property = asyncProperty(anywhere, uint8Array({ minLength: 1, maxLength: 8 }), async (at, garbage) => {
      const damaged = whole.slice();
      damaged.set(garbage.subarray(0, whole.length - at), at);
      const outcome = await open(damaged).then((opened) => opened.digest, codeOf);
      expect(['package-invalid', 'recipe-invalid', digest]).toContain(outcome);
    });
    await assert(property, { numRuns: 300 });
  });
});

async function codeOf(thrown: unknown): Promise<string> {
  const failure = await failureOf(() => {
    throw thrown;
  });
  return failure.code;
}
