import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, constantFrom, sample } from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ElementFormat, ELEMENTS } from '#shared/identity/gs1-elements.ts';
import { valueFault } from '#shared/identity/gs1-value.ts';
import { identityRules } from '#shared/identity/unit-label.ts';
import { Label } from '#shared/model/label.ts';
import { requirePrograms } from '#test/support/programs.ts';

const GTIN = '09506000134352';
/** Looked into by zint beyond their form: countries, currencies, times, angles, company prefixes, parts of a whole, account numbers. */
const MEANING =
  /^(?:391|393|394|401|7023|8004|42[1-7]|4307|4309|4317|432|7003|7011|703|7040|7241|800[1678]|8010|8011|8013|8026|8030|811)/;
/** Not yet in the General Specifications that zint 2.11 knows (2022). */
const NEWER = /^(?:03|433|716|72[34]|7250|7002|7009|7010|8030)/;

describe.skipIf(!requirePrograms(['zint', 'ZXingReader']))('GS1 codes that others make and read', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-gs1-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a scanner sends of the code that zint makes of the elements. */
  function scanned(symbology: string, elements: string): string {
    const file = join(folder, 'code.png');
    execFileSync('zint', ['-b', symbology, '--gs1', '--quietzones', '--scale', '4', '-d', elements, '-o', file]);
    const read = execFileSync('ZXingReader', [file], { encoding: 'utf8' });
    const [, identifier = ''] = /^Identifier: (\S+)/mu.exec(read) ?? [];
    const [, bytes = ''] = /^Bytes: +([0-9A-F ]+)$/mu.exec(read) ?? [];
    return identifier + String.fromCharCode(...bytes.split(' ').map((byte) => Number.parseInt(byte, 16)));
  }

  it.each([
    ['DataMatrix', '71', ']d2'],
    ['QR code', '58', ']Q3'],
    ['Code 128', '16', ']C1'],
  ])('a label as a GS1 %s is read as it was made', (_, symbology, identifier) => {
    const { read } = identityRules({
      serial: { pattern: '^HB' },
      label: Label.parse({
        kind: 'gs1',
        fields: { serial: '21', batch: '10', made: '11', id: '240' },
        expect: { '01': GTIN },
      }),
    });
    const code = scanned(symbology, `[01]${GTIN}[10]LOT-7/b[11]260131[240]X9[21]HB000001`);
    expect(code.slice(0, 3)).toBe(identifier);
    expect(read(code)).toEqual({ serial: 'HB000001', fields: { batch: 'LOT-7/b', made: '260131', id: 'X9' } });
  });

  it('zint and Flashline find the same values right and wrong, for every identifier whose form says it all', () => {
    const elements = [...ELEMENTS.values()].filter(({ id }) => !MEANING.test(id) && !NEWER.test(id));
    expect(elements.length).toBeGreaterThan(300);
    const disagree: string[] = [];
    // Of identifiers that differ in their last digit alone one is enough.
    const told = elements.filter(
      ({ id }, index) => id.length < 4 || elements[index - 1]?.id.slice(0, 3) !== id.slice(0, 3),
    );
    for (const [index, element] of told.entries()) {
      for (const value of valuesOf(element, index)) {
        const { stderr, status } = spawnSync(
          'zint',
          ['-b', '71', '--gs1', '-d', `[${element.id}]${value}`, '-o', join(folder, 'x.txt')],
          { encoding: 'utf8' },
        );
        const theirs = status === 0 && stderr === '';
        if (theirs !== (valueFault(element, value) === null))
          disagree.push(`(${element.id})${value}: zint says ${stderr.trim() || 'yes'}`);
      }
    }
    expect(disagree).toEqual([]);
  }, 120_000);
});

const CHARACTERS = { n: '0123456789', x: '0123456789ABCxyz-/', y: '0123456789ABC-/', z: '0123456789ABCxyz-_' };

/** One that looks right, and one of: a character longer, a character shorter, with one that has no place there, with another last digit. */
function valuesOf({ parts }: ElementFormat, seed: number): string[] {
  const value = parts
    .map(({ set, least, most, check, date }) => {
      if (date) return '260228';
      const size = least === most ? most : Math.max(least, (most + seed) % most);
      const [made = []] = sample(
        array(constantFrom(...CHARACTERS[set].split('')), { minLength: size, maxLength: size }),
        {
          numRuns: 1,
          seed,
        },
      );
      return check ? withCheck(made.join('').slice(1)) : made.join('');
    })
    .join('');
  const last = (Number(value.at(-1)) + 1) % 10;
  const wrong = [
    `${value}0`,
    value.slice(0, -1),
    `${value.slice(0, -1)}~`,
    `${value.slice(0, -1)}${Number.isNaN(last) ? 'A' : last}`,
  ];
  return [value, wrong[seed % wrong.length] ?? ''].filter((each) => each !== '');
}

/** GS1's sum, written down once more and another way round. */
function withCheck(digits: string): string {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) sum += Number(digits.at(-1 - place)) * (place % 2 === 0 ? 3 : 1);
  return digits + String((1000 - sum) % 10);
}
