import { assert, constantFrom, dictionary, oneof, property, string } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import {
  isSettingText,
  settingName,
  settingNames,
  SETTINGS,
  settingTexts,
  settingValues,
} from '#shared/model/settings.ts';

const RUNS = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;

describe('the table of settings', () => {
  it.each(settingNames)('%s: the default is one of what it may be', (name) => {
    expect(isSettingText(name, SETTINGS[name].initial)).toBe(true);
    expect(SETTINGS[name].roles.length).toBeGreaterThan(0);
  });

  it.each(settingNames.filter((name) => /^[\w-]+(, [\w-]+)+$/.test(SETTINGS[name].allowed)))(
    '%s may be each of the words that it says, and nothing else',
    (name) => {
      const words = SETTINGS[name].allowed.split(', ');
      expect(words.filter((word) => !isSettingText(name, word))).toEqual([]);
      for (const word of words)
        for (const other of [`${word} `, word.toUpperCase(), ''])
          expect([other, words.includes(other) || !isSettingText(name, other)]).toEqual([other, true]);
    },
  );

  it.each([
    ['locks.wait', ['1', '480'], ['0', '481', '-1', '1.5', '1e2', '0x10', ' 5', '', 'ten', '9999999']],
    ['log.keep', ['1', '36500', 'all'], ['0', '36501', 'ALL', '', '400 days']],
    ['station.probes', ['none', 'gdb:tcp:h:1,gdb:tcp:h:2'], ['']],
  ] as const)('%s has its range', (name, good, bad) => {
    expect([
      good.filter((text) => !isSettingText(name, text)),
      bad.filter((text) => isSettingText(name, text)),
    ]).toEqual([[], []]);
  });

  it('gives its values in the types that the program uses', () => {
    expect(settingValues({})).toEqual({
      'release.unsigned': 'until-set-up',
      'station.probes': [],
      'station.release': null,
      'start.auto': false,
      'locks.wait': 10,
      'log.keep': null,
      'screen.language': 'auto',
      'screen.sound': true,
    });
    const kept = { 'station.probes': 'gdb:tcp:h:1, gdb:tcp:h:2', 'log.keep': '30', 'start.auto': 'on' };
    expect(settingValues(kept)).toMatchObject({
      'station.probes': ['gdb:tcp:h:1', 'gdb:tcp:h:2'],
      'log.keep': 30,
      'start.auto': true,
    });
  });

  it('takes whatever an older, a newer or a damaged log holds: it has the default or that very text', () => {
    const name = oneof(constantFrom(...settingNames), string());
    const kept = dictionary(name, oneof(string(), constantFrom('on', '7', 'all', 'en', '__proto__')));
    assert(
      property(kept, (found) => {
        const texts = settingTexts(found);
        expect(Object.keys(texts).toSorted()).toEqual([...settingNames].toSorted());
        for (const each of settingNames)
          expect([SETTINGS[each].initial, Object.hasOwn(found, each) ? found[each] : null]).toContain(texts[each]);
        settingValues(found);
      }),
      { numRuns: RUNS },
    );
    for (const word of ['constructor', '__proto__', 'toString', '']) expect(settingName(word)).toBeUndefined();
  });
});
