import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { writeIntelHex } from '#main/image/ihex.ts';
import { type ChipLibrary, loadChips } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { openRelease } from '#main/release/open-release.ts';
import { failureOf } from './failure-of.ts';
import { memoryFiles } from './memory-files.ts';

const RECIPE = `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
images:
  - { role: application, file: app.hex, version: 1.0.0 }
  - { role: bootloader, file: sub/boot.bin, version: 2.0.0, address: 0x3c000 }
serial: { pattern: '^HB[0-9]{6}$' }
`;
const app = writeIntelHex([{ address: 0, data: Uint8Array.from({ length: 100 }, (_, i) => i) }]);
const boot = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
const good = { '/r/recipe.yaml': RECIPE, '/r/app.hex': app, '/r/sub/boot.bin': boot };

let chips: ChipLibrary;
beforeAll(async () => {
  chips = await loadChips([fileURLToPath(new URL('../../../resources/chips', import.meta.url))], nodeFiles);
});

const open = (content: Record<string, string | Uint8Array>, path = '/r', links = {}) =>
  openRelease(path, { chips, files: memoryFiles(content, links) });
const failed = (content: Record<string, string | Uint8Array>, path?: string, links?: object) =>
  failureOf(() => open(content, path, links));

describe('a release', () => {
  test('is a folder with recipe.yaml, or that file', async () => {
    const release = await open(good);
    expect(release.chip.id).toBe('nrf51822');
    expect(release.images.map(({ role, version, image }) => [role, version, image.format])).toEqual([
      ['application', '1.0.0', 'ihex'],
      ['bootloader', '2.0.0', 'bin'],
    ]);
    expect(release.layout.images.map(({ role }) => role)).toEqual(['bootloader', 'application']);
    expect([...release.contents.bytes(0x3c000, 10)]).toEqual([...boot, 0xff]);
    const { digest, images } = await open(good, '/r/recipe.yaml');
    expect({ digest, images }).toEqual({ digest: release.digest, images: release.images });
  });

  test('has its locks released by a role, where it has locks', async () => {
    const recipe = (more: string) => ({ ...good, '/r/recipe.yaml': `${RECIPE}${more}` });
    const locks = 'locks: [{ step: readout-protection }]\n';
    const { recipe: one } = await open(recipe(`${locks}lockRelease: supervisor\n`));
    expect(one.lockRelease).toBe('supervisor');
    const { recipe: any } = await open(recipe(`${locks}lockRelease: [supervisor, quality]\n`));
    expect(any.lockRelease).toEqual(['supervisor', 'quality']);
    for (const [more, words] of [
      ['lockRelease: supervisor\n', 'no keys and no locks to release'],
      [`${locks}lockRelease: operator\n`, 'lockRelease'],
      [`${locks}lockRelease: []\n`, 'lockRelease'],
    ] as const)
      expect(await failed(recipe(more))).toMatchObject({
        code: 'recipe-invalid',
        params: { detail: expect.stringContaining(words) },
      });
  });

  test('has a digest that anyone can compute from recipe and files', async () => {
    const canonical =
      `{"files":["${sha256Hex(app)}","${sha256Hex(boot)}"],"format":"flashline-release-1","recipe":{"chip":"nrf51822",` +
      '"images":[{"file":"app.hex","role":"application","version":"1.0.0"},' +
      '{"address":245760,"file":"sub/boot.bin","role":"bootloader","version":"2.0.0"}],"interface":"swd",' +
      '"product":{"id":"hello","name":"Hello board","revision":"A"},"schema":1,"serial":{"pattern":"^HB[0-9]{6}$"}}}';
    expect((await open(good)).digest).toBe(sha256Hex(new TextEncoder().encode(canonical)));
  });

  test('keeps its digest when only comments and layout change, and changes it with any value or byte', async () => {
    const { digest } = await open(good);
    const same = `# a comment\n${RECIPE.replace('chip: nrf51822', 'chip:   "nrf51822"')}`;
    expect((await open({ ...good, '/r/recipe.yaml': same })).digest).toBe(digest);
    const others = [
      { ...good, '/r/recipe.yaml': RECIPE.replace('1.0.0', '1.0.1') },
      { ...good, '/r/recipe.yaml': RECIPE.replace('0x3c000', '0x3c400') },
      { ...good, '/r/sub/boot.bin': Uint8Array.of(...boot.subarray(1), 0) },
      { ...good, '/r/app.hex': Uint8Array.of(...app, 0x0a) },
    ];
    const digests = await Promise.all(others.map(async (content) => (await open(content)).digest));
    expect(new Set([digest, ...digests]).size).toBe(5);
  });
});

describe('a release that cannot be opened says where and why', () => {
  test.each([
    ['no such path', good, '/none', 'file-missing', { file: '/none' }],
    ['a folder without recipe', { '/r/app.hex': app }, '/r', 'file-missing', { file: '/r/recipe.yaml' }],
    [
      'a missing image',
      { ...good, '/r/recipe.yaml': RECIPE.replace('app.hex', 'ap.hex') },
      '/r',
      'file-missing',
      { file: '/r/recipe.yaml', line: 6, path: 'images[0].file' },
    ],
    [
      'a folder for an image',
      { ...good, '/r/recipe.yaml': RECIPE.replace('app.hex', 'sub') },
      '/r',
      'file-unreadable',
      { file: '/r/recipe.yaml', line: 6 },
    ],
    [
      'an unknown chip',
      { ...good, '/r/recipe.yaml': RECIPE.replace('nrf51822', 'nrf99') },
      '/r',
      'chip-unknown',
      { file: '/r/recipe.yaml', line: 3, path: 'chip' },
    ],
    [
      'an interface to come',
      { ...good, '/r/recipe.yaml': RECIPE.replace('swd', 'uart') },
      '/r',
      'interface-unsupported',
      { line: 4, path: 'interface' },
    ],
    [
      'a BIN without address',
      { ...good, '/r/recipe.yaml': RECIPE.replace(', address: 0x3c000', '') },
      '/r',
      'image-needs-address',
      { file: '/r/sub/boot.bin' },
    ],
    [
      'a HEX with address',
      { ...good, '/r/recipe.yaml': RECIPE.replace('1.0.0', '1.0.0, address: 0') },
      '/r',
      'recipe-invalid',
      { line: 6, path: 'images[0].address' },
    ],
    [
      'a damaged image',
      { ...good, '/r/app.hex': app.subarray(0, 60) },
      '/r',
      'image-syntax',
      { file: '/r/app.hex', line: 2 },
    ],
    [
      'images in one page',
      { ...good, '/r/recipe.yaml': RECIPE.replace('0x3c000', '0x80') },
      '/r',
      'image-overlap',
      { file: '/r/app.hex', address: 0 },
    ],
    [
      'an image outside',
      { ...good, '/r/recipe.yaml': RECIPE.replace('0x3c000', '0x3fffc') },
      '/r',
      'image-outside-memory',
      { file: '/r/sub/boot.bin', address: 0x40000 },
    ],
    ['a packed release', { '/r/a.flashpack': 'PK' }, '/r/a.flashpack', 'recipe-invalid', { file: '/r/a.flashpack' }],
  ])('%s', async (_what, content, path, code, where) => {
    expect(await failed(content, path)).toMatchObject({ code, where });
  });

  test('a link out of the folder is refused; one inside is followed', async () => {
    const outside = { ...good, '/secret/app.hex': app, '/rr/app.hex': app };
    for (const target of ['/secret/app.hex', '/rr/app.hex']) {
      const failure = await failed(outside, '/r', { '/r/app.hex': target });
      expect(failure).toMatchObject({ code: 'recipe-invalid', where: { line: 6, path: 'images[0].file' } });
      expect(failure.params['detail']).toContain('leads out of the recipe’s folder');
    }
    const inside = { ...good, '/r/builds/7.hex': app };
    expect((await open(inside, '/r', { '/r/app.hex': '/r/builds/7.hex' })).digest).toBe((await open(good)).digest);
  });

  test('knows the chips and says so', async () => {
    const failure = await failed({ ...good, '/r/recipe.yaml': RECIPE.replace('nrf51822', 'nrf99') });
    expect(failure.params['known']).toContain('nrf51822');
  });
});

describe('on a real disk', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-release-'));
    mkdirSync(join(folder, 'r/sub'), { recursive: true });
    writeFileSync(join(folder, 'r/recipe.yaml'), RECIPE);
    writeFileSync(join(folder, 'outside.hex'), app);
    writeFileSync(join(folder, 'r/sub/boot.bin'), boot);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const openHere = () => openRelease(join(folder, 'r'), { chips, files: nodeFiles });
  const putApp = (place: (path: string) => void) => {
    rmSync(join(folder, 'r/app.hex'), { force: true, recursive: true });
    place(join(folder, 'r/app.hex'));
  };

  test('is opened, also through a link to its folder', async () => {
    putApp((path) => writeFileSync(path, app));
    const { digest } = await openHere();
    symlinkSync(join(folder, 'r'), join(folder, 'link'));
    expect((await openRelease(join(folder, 'link'), { chips, files: nodeFiles })).digest).toBe(digest);
  });

  test('a link out of the folder is refused', async () => {
    putApp((path) => symlinkSync('../outside.hex', path));
    expect(await failureOf(openHere)).toMatchObject({ code: 'recipe-invalid', where: { path: 'images[0].file' } });
  });

  test('a pipe does not make it wait', async () => {
    putApp((path) => execFileSync('mkfifo', [path]));
    const failure = await failureOf(openHere);
    expect(failure).toMatchObject({ code: 'file-unreadable', cause: 'not a regular file' });
  });

  test('a file that is far too large is not read', async () => {
    await expect(nodeFiles.read(join(folder, 'outside.hex'), 100)).rejects.toThrow('larger than 100 bytes');
  });
});
