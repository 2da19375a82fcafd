import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILURES } from '#shared/model/failure.ts';
import { settingNames } from '#shared/model/settings.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const locales = join(root, 'resources', 'locales');
const languages = readdirSync(locales);
const files = ['screens.json', 'plant.json', 'failures.json', 'settings.json'];

/** Every text of a file by its dotted key. */
function texts(language: string, file: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: readonly string[]): void => {
    if (typeof value === 'string') found.set(path.join('.'), value);
    else for (const [key, each] of Object.entries(value as object)) walk(each, [...path, key]);
  };
  walk(JSON.parse(readFileSync(join(locales, language, file), 'utf8')), []);
  return found;
}

const placeholders = (text: string): string[] =>
  Array.from(text.matchAll(/\{\{(\w+)\}\}/g), ([, name]) => String(name)).sort();

describe.each(languages.filter((language) => language !== 'en'))('%s against English', (language) => {
  it.each(files)('has the same keys in %s', (file) => {
    expect([...texts(language, file).keys()].sort()).toEqual([...texts('en', file).keys()].sort());
  });

  it.each(files)('has the same placeholders and no empty text in %s', (file) => {
    const own = texts(language, file);
    for (const [key, english] of texts('en', file)) {
      const text = own.get(key) ?? '';
      expect({ key, empty: text.trim() === '' }).toEqual({ key, empty: false });
      expect({ key, has: placeholders(text) }).toEqual({ key, has: placeholders(english) });
    }
  });

  it('has no English sentence left', () => {
    const english = texts('en', 'failures.json');
    const left = [...texts(language, 'failures.json')].filter(([key, text]) => text === english.get(key));
    expect(left).toEqual([]);
  });
});

describe.each(languages)('failures in %s', (language) => {
  const sentences = texts(language, 'failures.json');
  it('has a sentence and a remedy for every code and for nothing else', () => {
    const wanted = Object.keys(FAILURES).flatMap((code) => [`${code}.remedy`, `${code}.sentence`]);
    expect([...sentences.keys()].sort()).toEqual(wanted.sort());
  });

  it.each(Object.entries(FAILURES))('%s says all that it is given, and asks for no more', (code, { params }) => {
    const used = placeholders(`${sentences.get(`${code}.sentence`) ?? ''}${sentences.get(`${code}.remedy`) ?? ''}`);
    expect([...new Set(used)]).toEqual([...params].sort());
  });
});

describe.each(languages)('settings in %s', (language) => {
  it('have a sentence each, and there is no other', () => {
    expect([...texts(language, 'settings.json').keys()].sort()).toEqual([...settingNames].sort());
  });
});

/** The station's texts, and the plant's, which stand before the station's on the plant's pages. */
const pageFiles = ['screens.json', 'plant.json'];

describe('the screens', () => {
  const sources = readdirSync(join(root, 'src-renderer'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(root, 'src-renderer', file), 'utf8') }));
  const isOfPlant = (file: string): boolean => /(^|\/)plant(\/|-)/.test(file);
  const all = sources.map(({ text }) => text).join('\n');

  it.each([
    ['screens.json', (file: string) => !isOfPlant(file), ['screens.json']],
    ['plant.json', isOfPlant, pageFiles],
  ] as const)('use no key that is not there: %s', (_, isOne, known) => {
    const keys = new Set(known.flatMap((file) => [...texts('en', file).keys()]));
    const has = (key: string): boolean => keys.has(key) || (keys.has(`${key}_one`) && keys.has(`${key}_other`));
    const used = sources
      .filter(({ file }) => isOne(file))
      .flatMap(({ text }) => Array.from(text.matchAll(/\bt\('([\w.-]+)'/g), ([, key]) => String(key)));
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((key) => !has(key))).toEqual([]);
  });

  it.each(pageFiles)('leave no key unused: %s', (file) => {
    const unused = [...texts('en', file).keys()].filter((key) => {
      const [group, last = ''] = key.split('.');
      const name = last.replace(/_(one|other)$/, '');
      const literal = [`'${group}.${name}'`, `'${name}'`].some((text) => all.includes(text));
      const family = all.includes(`\`${group}.\${`) || all.includes(`\`${group}.${name.split('_')[0]}_\${`);
      const ofName = group === 'language' && all.includes('.language.name');
      return !(literal || family || ofName);
    });
    expect(unused).toEqual([]);
  });

  it('have each key in one file', () => {
    const [station = new Map(), plant = new Map()] = pageFiles.map((file) => texts('en', file));
    expect([...station.keys()].filter((key) => plant.has(key))).toEqual([]);
  });

  it('stay short enough for where they stand', () => {
    const tooLong = languages.flatMap((language) =>
      [...texts(language, 'screens.json')].filter(
        ([key, text]) => key.startsWith('action.') && text.length > (language === 'en' ? 90 : 45),
      ),
    );
    expect(tooLong).toEqual([]);
  });
});
