import * as fc from '#test/support/fast-check.ts';
import { describe, expect, test } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { readRecipe } from '#shared/release/recipe-file.ts';
import { MAX_YAML_BYTES } from '#shared/release/yaml-file.ts';
import { failureOf } from './failure-of.ts';

const GOOD = `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
images:
  - role: application
    file: firmware/hello.hex
    version: 1.0.0
serial: { pattern: '^HB[0-9]{6}$' }
`;

const read = (text: string) => readRecipe('recipe.yaml', new TextEncoder().encode(text));
const failed = (text: string) => failureOf(() => read(text));

describe('a good recipe', () => {
  test('is read, with the line of every value', () => {
    const { value, lineOf } = read(GOOD);
    expect(value.images).toEqual([{ role: 'application', file: 'firmware/hello.hex', version: '1.0.0' }]);
    expect(lineOf(['chip'])).toBe(3);
    expect(lineOf(['images', 0, 'version'])).toBe(8);
    expect(lineOf(['images', 0, 'address'])).toBe(6);
    expect(lineOf(['serial', 'pattern'])).toBe(9);
  });

  test('takes hexadecimal addresses', () => {
    expect(read(GOOD.replace('version: 1.0.0', 'version: v1\n    address: 0x1F000')).value.images[0]?.address).toBe(
      0x1f000,
    );
  });
});

describe('what is wrong is named by line and path, in plain words', () => {
  test.each([
    ['a missing key', GOOD.replace('chip: nrf51822\n', ''), 1, 'chip', 'is missing; it must be text'],
    [
      'a missing choice',
      GOOD.replace('interface: swd\n', ''),
      1,
      'interface',
      'is missing; it must be one of swd, jtag',
    ],
    ['a key without value', GOOD.replace('chip: nrf51822', 'chip:'), 3, 'chip', 'has no value; it must be text'],
    ['an unknown key', GOOD.replace('chip:', 'chips: x\nchip:'), 3, 'chips', 'not known here'],
    [
      'an unknown key in a list',
      GOOD.replace('    version', '    adress: 1\n    version'),
      8,
      'images[0].adress',
      'not known here',
    ],
    ['another schema', GOOD.replace('schema: 1', 'schema: 0'), 1, 'schema', 'must be 1 (it is “0”)'],
    [
      'a version that YAML takes for a number',
      GOOD.replace('1.0.0', '1.0'),
      8,
      'images[0].version',
      "write it in quotes, '1.0'",
    ],
    [
      'an unknown role',
      GOOD.replace('role: application', 'role: app'),
      6,
      'images[0].role',
      'one of bootloader, application',
    ],
    ['no images', GOOD.replace(/images:[^]*serial/, 'images: []\nserial'), 5, 'images', 'needs at least 1 entry'],
    [
      'no list',
      GOOD.replace(/images:[^]*serial/, 'images: 3\nserial'),
      5,
      'images',
      'a list (lines that begin with “-”)',
    ],
    ['an id with capitals', GOOD.replace('id: hello', 'id: Hello'), 2, 'product.id', 'must match /^[a-z0-9]'],
    [
      'no regular expression',
      GOOD.replace('^HB[', '^HB(['),
      9,
      'serial.pattern',
      'is no regular expression that takes linear time: missing closing',
    ],
    [
      'an address out of range',
      GOOD.replace('    version', '    address: 0x100000000\n    version'),
      8,
      'images[0].address',
      'at most 0xffffffff',
    ],
    ['a path upwards', GOOD.replace('firmware/', 'a/../../'), 7, 'images[0].file', 'no “..”'],
    ['an absolute path', GOOD.replace('firmware/', '/srv/'), 7, 'images[0].file', 'not an absolute one'],
    ['a drive', GOOD.replace('firmware/', 'C:/'), 7, 'images[0].file', 'not an absolute one'],
    ['a path with backslashes', GOOD.replace('firmware/', 'firmware\\'), 7, 'images[0].file', 'with / instead of \\'],
    [
      'a role twice',
      GOOD.replace('serial:', '  - { role: application, file: b.hex, version: b }\nserial:'),
      9,
      'images[1].role',
      'already an image with the role application',
    ],
  ])('%s', async (_what, text, line, path, words) => {
    const failure = await failed(text);
    expect(failure).toMatchObject({ code: 'recipe-invalid', where: { file: 'recipe.yaml', line, path } });
    expect(failure.params['detail']).toContain(`line ${line}, ${path}: `);
    expect(failure.params['detail']).toContain(words);
  });

  test('all of it at once, in the order of the file', async () => {
    const failure = await failed(GOOD.replace('id: hello', 'id: Hello').replace('swd', 'swdd').replace('1.0.0', '2'));
    expect(failure.where).toMatchObject({ line: 2, path: 'product.id' });
    expect(failure.params['detail']?.match(/line \d+, [^:]+/g)).toEqual([
      'line 2, product.id',
      'line 4, interface',
      'line 8, images[0].version',
    ]);
  });

  test('of very many problems, the first ten', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `extra${i}: 1\n`).join('');
    const failure = await failed(GOOD + keys);
    expect(failure.params['detail']).toContain('and 20 more');
  });
});

describe('what is not even a YAML file of ours', () => {
  const nested = (open: string, count: number) => `a: ${open.repeat(count)}`;
  test.each([
    ['nothing', '', 1, 'is empty'],
    ['only a comment', '# recipe\n', 1, 'is empty'],
    ['a word', 'recipe', 1, 'a block of keys'],
    ['a key twice', 'schema: 1\nchip: a\nchip: b\n', 3, 'twice'],
    ['a tab', 'schema: 1\nproduct:\n\tid: a\n', 3, 'use spaces'],
    ['an open bracket', 'schema: 1\nimages: [\n', 3, 'not valid YAML'],
    ['two documents', 'schema: 1\n---\nschema: 1\n', 2, 'second document'],
    ['an alias', 'a: &a 1\nb: *a\n', 2, 'alias *a'],
    ['a tag', 'schema: !!int 1\n', 1, 'the tag'],
    ['a tag of a program', 'a: 1\nb: !!js/function x\n', 2, 'tag'],
    ['a list as key', '[a]: 1\n', 1, 'a key must be one word'],
    ['deep brackets', nested('[', 100_000), 1, 'nested more than'],
    ['deep braces', nested('{a: ', 50_000), 1, 'nested more than'],
    ['deep lists', '- '.repeat(100_000), 1, 'nested more than'],
    ['deep keys', '? '.repeat(100_000), 1, 'nested more than'],
    ['deep blocks', Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''), 258, 'nested more than'],
    ['too much', '#'.repeat(MAX_YAML_BYTES + 1), 1, 'larger than 256 KiB'],
  ])('%s', async (_what, text, line, words) => {
    const failure = await failed(text);
    expect(failure).toMatchObject({ code: 'recipe-invalid', where: { file: 'recipe.yaml', line } });
    expect(failure.params['detail']).toContain(words);
  });

  test('bytes that are no UTF-8', async () => {
    const failure = await failureOf(() => readRecipe('r.yaml', Uint8Array.of(0x61, 0xff, 0xfe)));
    expect(failure.params['detail']).toContain('not text in UTF-8');
  });

  test('a bomb of aliases is refused before it is expanded', async () => {
    const levels = Array.from({ length: 26 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}, *a${i - 1}`}]`);
    expect((await failed(levels.join('\n'))).params['detail']).toContain('alias');
  });

  test('a key that would reach a prototype is a key like any other', async () => {
    expect((await failed(`${GOOD}__proto__: { schema: 1 }\n`)).params['detail']).toContain(
      '__proto__: this key is not known',
    );
  });
});

describe('a damaged recipe', () => {
  /** What came of it: a recipe, or a failure with a line; anything else is thrown on. */
  function outcome(bytes: Uint8Array): string {
    try {
      readRecipe('r.yaml', bytes);
      return 'a recipe';
    } catch (error) {
      if (!(error instanceof FlashlineError)) throw error;
      const { code, where } = error.failure;
      return ['recipe-invalid', 'release-newer'].includes(code) && (where.line ?? 0) >= 1
        ? 'a failure with its line'
        : code;
    }
  }
  const whole = new TextEncoder().encode(GOOD);
  const sound = /^a (recipe|failure with its line)$/;

  test('cut anywhere, or with bytes flipped, is a recipe or a failure with its line', () => {
    for (let length = 0; length < whole.length; length++) expect(outcome(whole.subarray(0, length))).toMatch(sound);
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = whole.slice();
        for (const [at, mask] of changes) bytes[at] = (bytes[at] ?? 0) ^ mask;
        expect(outcome(bytes)).toMatch(sound);
      }),
      { numRuns: 300 },
    );
  });

  test('any text made of YAML’s own characters is answered', () => {
    const soup = fc.array(
      fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '-',
        '[',
        ']',
        '{',
        '}',
        ',',
        '?',
        '|',
        '&',
        '*',
        '!',
        '"',
        "'",
        '#',
        '%',
        '<<',
        '\t',
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(soup, (parts) => {
        expect(outcome(new TextEncoder().encode(parts.join('')))).toMatch(sound);
      }),
      { numRuns: 500 },
    );
  });
});
