import { assert, integer, property, uint8Array } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FAILURES, type FailureCode } from '#shared/model/failure.ts';
import { writeIntelHex } from '#main/image/ihex.ts';
import { numberOf } from '#main/app/commands/numbers.ts';
import { exitCodeOf } from '#main/app/commands/outcome.ts';
import { failureTexts, homeFolder } from '#main/app/compose-home.ts';
import { openImage } from '#main/image/open-image.ts';
import { join } from 'node:path';
import { ROOT } from '#test/support/cli.ts';

describe('exit codes', () => {
  const codes = Object.keys(FAILURES) as FailureCode[];
  const withVerdict = (verdict: string) => codes.filter((code) => FAILURES[code].verdict === verdict);
  const exitOf = (code: FailureCode) => exitCodeOf(FAILURES[code].verdict, { code, blame: FAILURES[code].blame });

  it('are 1 for every fault of the unit, 4 for an abort, 2 or 3 for what is ours', () => {
    expect(withVerdict('FAIL').filter((code) => exitOf(code) !== 1)).toEqual([]);
    expect(withVerdict('ABORTED').filter((code) => exitOf(code) !== 4)).toEqual([]);
    expect(withVerdict('ERROR').filter((code) => exitOf(code) !== 2 && exitOf(code) !== 3)).toEqual([]);
    const recipe = codes.filter((code) => FAILURES[code].blame === 'recipe');
    expect(recipe.filter((code) => exitOf(code) !== 2)).toEqual([]);
  });

  it.each([
    ['no-target', 3],
    ['probe-lost', 3],
    ['log-unwritable', 3],
    ['already-passed', 3],
    ['wrong-chip', 2],
    ['image-syntax', 2],
    ['usage', 2],
    ['serial-pattern', 2],
  ] as const)('%s ends with %i', (code, exit) => {
    expect(exitCodeOf('ERROR', { code, blame: FAILURES[code].blame })).toBe(exit);
  });

  it('passes only what passed', () => {
    expect(exitCodeOf('PASS', null)).toBe(0);
    expect(exitCodeOf('INTERRUPTED', null)).toBe(3);
  });
});

it('puts every failure in words, with its values and without placeholders', () => {
  const describeFailure = failureTexts(join(ROOT, 'resources'));
  for (const [code, { blame, params }] of Object.entries(FAILURES)) {
    const values = Object.fromEntries(params.map((name) => [name, `<${name}>`]));
    const { message, remedy } = describeFailure({ code: code as FailureCode, blame, where: {}, params: values });
    expect(`${message} ${remedy}`).not.toMatch(/\{\{|\.sentence|\.remedy|&lt;/);
    for (const name of params) expect(`${message} ${remedy}`).toContain(`<${name}>`);
  }
});

describe('Intel HEX as written by read', () => {
  it('is read back byte for byte, at any address', () => {
    assert(
      property(integer({ min: 0, max: 0xffff_0000 }), uint8Array({ minLength: 1, maxLength: 300 }), (address, data) => {
        const image = openImage('x.hex', writeIntelHex([{ address, data }]));
        expect(image.segments).toEqual([{ address, data }]);
      }),
    );
  });

  it('crosses a 64 KiB border', () => {
    const data = Uint8Array.from({ length: 40 }, (_, index) => index);
    const image = openImage('x.hex', writeIntelHex([{ address: 0x1fff3, data }]));
    expect(image.segments).toEqual([{ address: 0x1fff3, data }]);
  });
});

describe('numbers as people type them', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['4k', 4096],
    ['0x1000', 4096],
    ['0X10K', 16384],
  ])('%s is %i', (text, value) => {
    expect(numberOf('--size', text)).toBe(value);
  });

  it.each(['', '-1', '1.5', '0x', '4kk', 'ten', '1e3', '99999999999999999999'])('%j is none', (text) => {
    expect(() => numberOf('--size', text)).toThrow('usage');
  });
});

describe('the data folder', () => {
  it.each([
    [{ FLASHLINE_HOME: '/data' }, 'linux', '/data'],
    [{ XDG_DATA_HOME: '/x' }, 'linux', join('/x', 'flashline')],
    [{ LOCALAPPDATA: 'L' }, 'win32', join('L', 'Flashline')],
  ] as const)('of %j on %s is %s', (env, platform, folder) => {
    expect(homeFolder(env, platform)).toBe(folder);
  });
});
