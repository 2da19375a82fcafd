import { describe, expect, it } from 'vitest';
import { linearPattern, patternFault } from '#shared/base/linear-pattern.ts';

describe('a pattern of a recipe', () => {
  it('finds what JavaScript finds, with its groups', () => {
    const pattern = linearPattern('^HB(?<number>[0-9]{6})(?<suffix>-[A-Z])?$');
    expect(pattern.groups).toEqual(['number', 'suffix']);
    const match = pattern.match('HB000258');
    expect(match).toMatchObject({ start: 0, end: 8 });
    expect(match?.group('number')).toEqual({ start: 2, text: '000258' });
    expect(match?.group('suffix')).toBeUndefined();
    expect(match?.group('other')).toBeUndefined();
    expect(pattern.test('HB00025')).toBe(false);
    expect(linearPattern('é+$').match('xéé')).toMatchObject({ start: 1, end: 3 });
  });

  it.each(['^(a+)+$', '^(a|a)*$', '^(a?){300}a{300}$', '^((((a{1,9}){1,9}){1,9})x?)*$', '(x+x+)+y'])(
    '%s, which hangs others, takes its time once a character',
    (source) => {
      // By instructions run, not by the clock: with an engine that goes back this test would end with the year.
      const pattern = linearPattern(source);
      expect(pattern.test(`${'a'.repeat(255)}!`)).toBe(false);
      expect(pattern.test('x'.repeat(4000))).toBe(false);
    },
  );

  it.each([
    ['^(?=a)a$', '(?='],
    ['(?<!a)b', '(?<!a)b'],
    ['^(a)\\1$', '\\1'],
    ['(?<n>a)(?<n>b)', 'duplicate'],
    ['[', 'missing closing'],
    ['(a', 'missing closing'],
    ['a{1001}', 'repeat count'],
    ['^((a{0,100}){0,100}){0,100}$', 'repeat count'],
    ['(?:a{1,900}){1,1}(?:b{1,900})(?:c{1,900})'.repeat(12), 'repeats too much'],
    [`(${'x'.repeat(600)})`, 'more than 512 characters'],
    ['('.repeat(512), 'missing closing'],
  ])('%s is refused with the reason', (source, reason) => {
    expect(patternFault(source)).toContain(reason);
    expect(() => linearPattern(source)).toThrow(RangeError);
  });
});
