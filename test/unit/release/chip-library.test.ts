import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadChips, parseChip } from '#main/release/chip-library.ts';
import { nodeFiles } from '#main/release/files.ts';
import { failureOf } from './failure-of.ts';
import { memoryFiles } from './memory-files.ts';

const folder = fileURLToPath(new URL('../../../resources/chips', import.meta.url));
const nrf51 = readFileSync(`${folder}/nrf51822.yaml`, 'utf8');
const failed = (text: string, name = 'nrf51822.yaml') =>
  failureOf(() => parseChip(name, new TextEncoder().encode(text)));

describe('the chip library', () => {
  test('every description that we ship is valid', async () => {
    const { chips, get } = await loadChips([folder], nodeFiles);
    expect(chips.map(({ id }) => id)).toEqual(expect.arrayContaining(['nrf51822', 'nrf52840']));
    expect(get('nrf51822').memories[0]).toMatchObject({ name: 'flash', page: 1024, word: 4, erased: 0xff });
  });

  test('names what it knows when asked for what it does not', async () => {
    const { get, find } = await loadChips(
      ['/chips'],
      memoryFiles({ '/chips/nrf51822.yaml': nrf51, '/chips/README.md': '' }),
    );
    expect(await failureOf(() => get('nrf51'))).toMatchObject({
      code: 'chip-unknown',
      params: { chip: 'nrf51', known: 'nrf51822' },
    });
    expect(find('constructor')).toBeUndefined();
  });

  test('a description that cannot be is in nobody’s way who asks for another chip', async () => {
    const both = { '/chips/nrf51822.yaml': nrf51, '/chips/broken.yaml': 'id: broken' };
    const library = await loadChips(['/chips'], memoryFiles(both));
    expect(library.get('nrf51822').id).toBe('nrf51822');
    for (const ask of [() => library.find('broken'), () => library.chips])
      expect(await failureOf(ask)).toMatchObject({ code: 'chip-invalid', where: { file: '/chips/broken.yaml' } });
  });

  test('says which folder is missing', async () => {
    expect(await failureOf(() => loadChips(['/none'], memoryFiles({})))).toMatchObject({
      code: 'file-missing',
      where: { file: '/none' },
    });
  });
});

describe('a chip description that cannot be', () => {
  test.each([
    ['a text for a size', nrf51.replace('page: 1024', 'page: 1k'), 'memories[0].page: must be a number (it is “1k”)'],
    ['an unknown kind', nrf51.replace('kind: ram', 'kind: rom'), 'memories[2]'],
    ['no memories', nrf51.replace(/memories:[^]*identity/, 'identity'), 'memories: is missing'],
    [
      'pages that do not fill the memory',
      nrf51.replace('size: 0x40000', 'size: 0x40010'),
      'not a whole number of pages',
    ],
    ['words that do not fill a page', nrf51.replace('word: 4', 'word: 3'), 'not a whole number of words'],
    ['memories that overlap', nrf51.replace('start: 0x10001000', 'start: 0x3ff00'), 'flash and uicr overlap'],
    ['two of one name', nrf51.replace('name: uicr', 'name: flash'), 'two memories are called flash'],
    [
      'a memory past the end',
      nrf51.replace('start: 0x20000000, size: 0x4000', 'start: 0xfffff000, size: 0x4000'),
      'ends beyond 4 GiB',
    ],
    ['a lock elsewhere', nrf51.replace('0x10001004', '0x20000000'), 'the lock RBPCONF at 0x20000000'],
    ['vectors in RAM', nrf51.replace('vectors: 0x00000000', 'vectors: 0x20000000'), 'boot.vectors 0x20000000'],
  ])('%s', async (_what, text, words) => {
    const failure = await failed(text);
    expect(failure).toMatchObject({
      code: 'chip-invalid',
      where: { file: 'nrf51822.yaml' },
      params: { file: 'nrf51822.yaml' },
    });
    expect(failure.params['detail']).toContain(words);
  });

  test.each([
    ['digest code that nobody built', 'code: sha256-v6m', 'code: sha1', 'hf2.digest.code'],
    ['a table that VTOR does not take', 'ram: 0x20006000', 'ram: 0x20006040', 'hf2.digest.ram'],
    ['no room above it', 'ram: 0x20006000', 'ram: 0x20006900', 'there is no RAM for the code at 0x20006900'],
    ['no RAM', 'ram: 0x20006000', 'ram: 0x00006000', 'there is no RAM for the code at 0x00006000'],
    ['more than is known', 'vectors: 0x00000000 }', 'vectors: 0, systick: 1 }', 'hf2.digest'],
  ])('a boot loader’s own digests: %s', async (_what, from, to, words) => {
    const samd21 = readFileSync(`${folder}/atsamd21g18a.yaml`, 'utf8');
    expect(samd21).toContain(from);
    const [before = '', after = ''] = samd21.split('  digest:');
    const failure = await failed(`${before}  digest:${after.replace(from, to)}`, 'atsamd21g18a.yaml');
    expect(failure.code).toBe('chip-invalid');
    expect(failure.params['detail']).toContain(words);
  });

  test('a file that does not bear the chip’s id', async () => {
    expect((await failed(nrf51, 'chips/nrf52832.yaml')).params['detail']).toContain(
      'the id nrf51822 must be the file’s name',
    );
  });
});
