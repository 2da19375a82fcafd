import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { resultsOf } from '#main/app/commands/scans.ts';
import { scaled } from '#main/release/manufacturing/field-bytes.ts';
import { requireResults } from '#main/station/unit-results.ts';

function answer(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (error instanceof FlashlineError) return `${error.failure.code} ${error.failure.params['detail'] ?? ''}`.trim();
    throw error;
  }
}

describe('what a test measured', () => {
  const wanted = {
    results: [
      { name: 'vref', unit: 'V' },
      { name: 'boots', unit: '' },
    ],
  };
  const vref = { name: 'vref', value: 1.2, unit: 'V' };
  const boots = { name: 'boots', value: 3, unit: '' };

  it.each([
    ['all of it, and more', [vref, boots, { ...boots, name: 'x' }], undefined],
    ['one missing', [vref], 'value-missing'],
    ['one twice', [vref, boots, boots], 'value-unsuited it is there twice'],
    ['in another unit', [{ ...vref, unit: 'mV' }, boots], 'value-unsuited it is in mV, the recipe wants in V'],
    [
      'with a unit where none is',
      [vref, { ...boots, unit: 'V' }],
      'value-unsuited it is in V, the recipe wants a plain number',
    ],
  ])('%s', (_, results, expected) => {
    expect(answer(() => requireResults({ serial: 'HB1', results }, wanted))).toBe(expected);
  });

  it('is typed with its unit behind it', () => {
    expect(resultsOf(['vref=1.2V', 'boots=3', 'leak=-2.5e-6A', 't=21°C'])).toEqual([
      vref,
      boots,
      { name: 'leak', value: -2.5e-6, unit: 'A' },
      { name: 't', value: 21, unit: '°C' },
    ]);
    for (const wrong of [
      'vref',
      'vref=',
      '=1',
      'vref=V',
      'vref=1 V',
      'vref=1,2V',
      'vref=0x10',
      'vref=Infinity',
      '1v=1',
    ])
      expect(answer(() => resultsOf([wrong]))).toContain('usage');
  });
});

describe('a value for a field in another unit', () => {
  const of = (text: string, scale: number | undefined) =>
    answer(() => scaled({ field: 'f', value: { text, bytes: null } }, scale));

  it('is the nearest whole number, whatever binary fractions make of it', () => {
    expect(of('1.005', 1000)).toMatchObject({ value: { text: '1005' } });
    expect(of('0.29', 100)).toMatchObject({ value: { text: '29' } });
    expect(of('-1.2346', 1000)).toMatchObject({ value: { text: '-1235' } });
    expect(of('abc', undefined)).toMatchObject({ value: { text: 'abc' } });
  });

  it.each(['', ' ', 'abc', '1e300', 'NaN'])('%j is refused', (text) => {
    expect(of(text, 1000)).toContain('value-unsuited');
  });
});
