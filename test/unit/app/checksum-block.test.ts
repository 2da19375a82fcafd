import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cliHere } from '#test/support/cli-here.ts';
// Loaded with the file, so that no test's time has it in it.
import '#main/app/commands/checksum-block.ts';
import { writeIntelHex } from '#main/image/ihex.ts';
import { openImage } from '#main/image/open-image.ts';
import { encodeUf2Block, Uf2Flag } from '#main/image/uf2-block.ts';
import { writeUf2 } from '#main/image/uf2.ts';
import { tinyElf } from '../image/tiny-elf.ts';

const home = mkdtempSync(join(tmpdir(), 'flashline-block-'));
afterAll(() => rmSync(home, { recursive: true }));

const data = Uint8Array.from({ length: 0x1000 }, (_, at) => (at * 7) | 1);
data.fill(0xff, 0xb4, 0x100);
data.fill(0, data.length - 4);
const FAMILY = 0x68ed2b88;
const FILES: Readonly<Record<string, Uint8Array>> = {
  'a.hex': writeIntelHex([{ address: 0x2000, data }]),
  'a.bin': data,
  'a.uf2': writeUf2([{ address: 0x2000, data }], { family: FAMILY }),
  'md5.uf2': writeUf2([{ address: 0x2000, data }], { family: FAMILY, md5: true }),
  'a.elf': tinyElf([{ physical: 0x2000, data }]),
};
for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(home, name), bytes);
const here = (name: string) => join(home, name);
const PLACE = ['--at', '0x20b4', '--page', '256', '--address', '0x2000'];

describe('flashline checksum-block', () => {
  test.each(Object.keys(FILES))('add gives %s a block, in its own format, and show agrees', async (name) => {
    const out = here(`with-${name}`);
    const added = await cliHere(['checksum-block', 'add', here(name), ...PLACE, '--out', out, '--json'], { home });
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const shown = await cliHere(['checksum-block', 'show', out, ...PLACE, '--json'], { home });
    expect(shown.code).toBe(0);
    const { block, show } = { block: JSON.parse(added.lines[0] ?? ''), show: JSON.parse(shown.lines[0] ?? '') };
    const { regions, marker, markerAt } = block;
    expect(show).toMatchObject({ valid: true, position: 0x20b4, marker, markerAt, page: 256, frequent: false });
    expect(show.regions).toEqual(regions.map((region: object) => Object.assign(region, { sha256: true })));
    const image = openImage(name, new Uint8Array(readFileSync(out)), { address: 0x2000, families: [FAMILY] });
    expect(image.format).toBe(openImage(name, FILES[name] ?? data, { address: 0x2000 }).format);
    const bytes = image.segments[0]?.data.slice(0, 0x1000) ?? new Uint8Array();
    bytes.fill(0xff, 0xb4, 0x100);
    if (name === 'a.elf') bytes.fill(0, 0xffc);
    expect(bytes).toEqual(data);
    // Made anew: of the page as it is now, which reading it again has looked at.
    const flags = readFileSync(out).readUInt32LE(8);
    expect(name.endsWith('.uf2') && (flags & Uf2Flag.md5) !== 0).toBe(name === 'md5.uf2');
  });

  test.each(Object.keys(FILES))(
    'inspect shows the block of %s where a chip known here has its own, and only what counts',
    async (name) => {
      const out = here(`inspected-${name}`);
      await cliHere(['checksum-block', 'add', here(name), ...PLACE, '--out', out], { home });
      const bin = name === 'a.bin' ? ['--address', '0x2000'] : [];
      const { lines, code } = await cliHere(['inspect', out, ...bin, '--json'], { home });
      expect(code).toBe(0);
      const [block, ...others] = JSON.parse(lines[0] ?? '').checksumBlocks;
      expect(others).toEqual([]);
      expect(block).toMatchObject({ chip: 'atsamd21g18a', position: 0x20b4, valid: true, page: 256 });
      const shown = await cliHere(['inspect', out, ...bin], { home });
      expect(shown.stdout).toContain('atsamd21g18a: checksum block at 0x000020B4, pages of 256 bytes');
      const without = await cliHere(['inspect', here(name), ...bin, '--json'], { home });
      expect(JSON.parse(without.lines[0] ?? '')).not.toHaveProperty('checksumBlocks');
      if (name !== 'a.hex') return;
      // Its end marker gone, it is one of a torn update.
      const [segment] = openImage(name, new Uint8Array(readFileSync(out))).segments;
      const torn = segment?.data.slice() ?? new Uint8Array();
      torn.fill(0, block.markerAt - 0x2000, block.markerAt - 0x2000 + 4);
      writeFileSync(out, writeIntelHex([{ address: 0x2000, data: torn }]));
      expect((await cliHere(['inspect', out], { home })).stdout).not.toContain('checksum block');
    },
  );

  test('show says why a block does not count, and ends with 2', async () => {
    for (const options of [
      ['--chip', 'atsamd21g18a'],
      ['--at', '0x20b4', '--page', '256'],
    ]) {
      const { code, stdout } = await cliHere(['checksum-block', 'show', here('a.hex'), ...options], { home });
      expect(code).toBe(2);
      expect(stdout).toContain('(no-magic): the word there is 0xFFFFFFFF');
    }
  });

  test.each([
    ['no place', ['a.hex']],
    ['a page of no size', ['a.hex', '--at', '0x20b4', '--page', '100']],
    ['a chip that has none', ['a.hex', '--chip', 'nrf52840']],
    ['two kinds of regions', ['a.hex', ...PLACE, '--regions', '0x2100-0x2200', '--equal-to', 'a.hex']],
    ['a range backwards', ['a.hex', ...PLACE, '--regions', '0x2200-0x2100']],
    ['sections of a HEX file', ['a.hex', ...PLACE, '--sections', '.text']],
    ['a section that is not there', ['a.elf', ...PLACE, '--sections', '.text']],
    ['a .bin with a hole', ['a.bin', ...PLACE, '--marker-at', '0x9000']],
  ])('add refuses %s', async (_, [name = '', ...options]) => {
    const args = options.map((option) => (option === 'a.hex' ? here(option) : option));
    const { code } = await cliHere(['checksum-block', 'add', here(name), ...args, '--out', here('no')], { home });
    expect(code).toBe(2);
    expect(() => readFileSync(here('no'))).toThrow('ENOENT');
  });

  test('a UF2 file whose blocks say more than their data is not written again without it', async () => {
    const block = { address: 0x2000, payload: data.subarray(0, 256), number: 0, blocks: 1, family: FAMILY };
    writeFileSync(here('tags.uf2'), encodeUf2Block({ ...block, flags: Uf2Flag.tags }));
    const args = ['checksum-block', 'add', here('tags.uf2'), ...PLACE, '--out', here('no')];
    expect(await cliHere(args, { home })).toMatchObject({ code: 2 });
  });
});

describe('flashline checksum-block plan', () => {
  const REGIONS = ['--regions', '0x2100-0x2600,0x2600-0x2f00'];
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(home, name), bytes);
    return here(name);
  };
  const changed = data.slice();
  changed[0x700] = (changed[0x700] ?? 0) ^ 4;

  async function planOf(device: string, image: string, ...more: string[]) {
    const args = ['checksum-block', 'plan', '--device', device, '--image', image, ...PLACE, '--json', ...more];
    const { code, lines } = await cliHere(args, { home });
    expect(code).toBe(0);
    return JSON.parse(lines[0] ?? '');
  }

  test('tells each page’s reason, with a look at the pages and without one', async () => {
    const [old, next] = [here('old-block.bin'), here('new-block.bin')];
    for (const [bytes, out] of [
      [file('old.bin', data), old],
      [file('new.bin', changed), next],
    ] as const)
      expect(
        await cliHere(['checksum-block', 'add', bytes, ...PLACE, ...REGIONS, '--out', out], { home }),
      ).toMatchObject({ code: 0 });
    expect(await planOf(old, old)).toMatchObject({ pages: { written: 3, kept: 14 } });
    expect(await planOf(old, next)).toMatchObject({
      pages: { written: 4, kept: 13 },
      faults: { device: null, image: null },
    });
    const blind = await planOf(old, next, '--block-only');
    expect(blind.pages).toEqual({ written: 12, kept: 5 });
    const without = await planOf(here('old.bin'), next);
    expect(without).toMatchObject({ pages: { written: 3 }, faults: { device: { fault: 'no-magic' } } });
    expect(await planOf(here('old.bin'), next, '--block-only')).toMatchObject({ pages: { written: 17, kept: 0 } });
  });
});
