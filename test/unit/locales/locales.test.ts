import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAILURES } from '#shared/model/failure.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const locales = join(root, 'resources', 'locales');
const languages = readdirSync(locales);
const files = ['screens.json', 'failures.json'];

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

describe('the screens', () => {
  const sources = readdirSync(join(root, 'src-renderer'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => readFileSync(join(root, 'src-renderer', file), 'utf8'))
    .join('\n');

  it('use no key that is not there', () => {
    const keys = texts('en', 'screens.json');
    const used = Array.from(sources.matchAll(/\bt\('([\w.]+)'/g), ([, key]) => String(key));
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((key) => !keys.has(key))).toEqual([]);
  });

  it('leave no key unused', () => {
    const unused = [...texts('en', 'screens.json').keys()].filter((key) => {
      const [group, name = ''] = key.split('.');
      const literal = sources.includes(`'${key}'`) || sources.includes(`'${name}'`);
      const family = sources.includes(`\`${group}.\${`) || sources.includes(`\`${group}.role_`);
      const ofName = group === 'language' && sources.includes('.language.name');
      return !(literal || family || ofName);
    });
    expect(unused).toEqual([]);
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
