import { array, assert, integer, property, string } from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { identityRules } from '#shared/identity/unit-label.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { Label } from '#shared/model/label.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { readRecipe } from '#shared/release/recipe-file.ts';

const numRuns = process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000;
const GTIN = '09506000134352';
const GS = '\u001d';

const rules = (serial: unknown, label?: unknown) =>
  identityRules({
    serial: Recipe.shape.serial.parse(serial),
    ...(label === undefined ? {} : { label: Label.parse(label) }),
  });

function answer(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    const { code, params } = error.failure;
    return { ...params, code };
  }
}

const SERIAL = { pattern: '^HB(?<code>[0-9]{7})$', check: { scheme: 'luhn', of: 'code' } };
const GS1_LABEL = {
  kind: 'gs1',
  fields: { serial: '21', batch: '10', made: '11' },
  expect: { '01': GTIN },
};

describe('a label that is the serial', () => {
  const { read } = rules(SERIAL);
  it('is taken when its check agrees', () => {
    expect(read('HB0000018')).toEqual({ serial: 'HB0000018', fields: {} });
  });

  it.each([
    ['another form', 'XX0000018', { code: 'serial-pattern', serial: 'XX0000018', pattern: SERIAL.pattern }],
    // Which digit it should have been is nobody's business: whoever is told types it.
    ['a misread digit', 'HB0000019', { code: 'check-digit', serial: 'HB0000019', position: '9' }],
    ['neighbours that changed places', 'HB0000108', { code: 'check-digit', serial: 'HB0000108', position: '9' }],
  ])('is refused for %s', (_, code, refusal) => {
    expect(answer(() => read(code))).toEqual(refusal);
  });

  it('names a character that the check has no value for, by its place in the serial', () => {
    const { read: loose } = rules({ ...SERIAL, pattern: '^HB(?<code>[0-9A-Z]{7})$' });
    expect(answer(() => loose('HB00O0018'))).toMatchObject({ code: 'label-damaged', position: '5' });
  });
});

describe('a GS1 label', () => {
  const { read } = rules({ pattern: '^HB[0-9]{6}$' }, GS1_LABEL);
  const expected = { serial: 'HB000001', fields: { batch: 'LOT7', made: '260131' } };

  it.each([
    ['of a DataMatrix', `]d201${GTIN}1126013110LOT7${GS}21HB000001`],
    ['of a GS1-128', `]C101${GTIN}1126013121HB000001${GS}10LOT7`],
    ['without an identifier', `01${GTIN}1126013121HB000001${GS}10LOT7`],
    ['typed from below the code', `(01)${GTIN}(11)260131(21)HB000001(10)LOT7`],
    ['of a plain QR with a link', `]Q1https://example.com/01/${GTIN}/10/LOT7/21/HB000001?11=260131`],
  ])('%s', (_, code) => {
    expect(read(code)).toEqual(expected);
  });

  it.each([
    ['of another kind of barcode', `]C001${GTIN}21HB000001`, { code: 'label-form' }],
    [
      'of another product',
      `01040063813339311126013121HB000001${GS}10L`,
      { code: 'label-other-product', element: '(01)', found: '04006381333931', expected: GTIN },
    ],
    ['without the product', `21HB000001${GS}10L${GS}11260131`, { code: 'label-incomplete', element: '(01)' }],
    ['without a batch', `01${GTIN}1126013121HB000001`, { code: 'label-incomplete', element: '(10)' }],
    [
      'with a wrong check digit',
      `]d20109506000134353`,
      { code: 'label-damaged', position: '19', detail: 'the check digit of (01) does not agree' },
    ],
    ['with a serial of another form', `01${GTIN}1126013121XX${GS}10L`, { code: 'serial-pattern', serial: 'XX' }],
    ['that is no GS1 at all', 'HB000001', { code: 'label-damaged', position: '1' }],
  ])('is refused %s', (_, code, refusal) => {
    expect(answer(() => read(code))).toMatchObject(refusal);
  });

  it('shows a separator as a character that can be seen', () => {
    expect(() => read(`10L${GS}21`)).toThrow('10L␝21');
  });

  it('a scanner that cannot send the separator sends what the recipe says', () => {
    const { read: keyboard } = rules({ pattern: '^HB' }, { ...GS1_LABEL, separator: '|' });
    expect(keyboard(`01${GTIN}10LOT7|1126013121HB000001`)).toEqual(expected);
  });

  it('only kinds of barcode that the recipe names are taken, where it names some', () => {
    const { read: matrix } = rules({ pattern: '^HB' }, { kind: 'gs1', symbologies: ['d2'] });
    expect(matrix(']d221HB1')).toEqual({ serial: 'HB1', fields: {} });
    for (const code of [']C121HB1', '21HB1', '(21)HB1'])
      expect(answer(() => matrix(code))).toMatchObject({ code: 'label-form' });
  });
});

describe('a label of text', () => {
  const { read } = rules(
    { pattern: '^HB[0-9]{6}$' },
    { kind: 'text', pattern: 'SN:(?<serial>[A-Z0-9]+);MAC:(?<mac>[0-9A-Fa-f:]+)(?:;UID:(?<uid>[0-9A-F ]*))?' },
  );

  it('is taken apart; addresses come in the form in which chips tell theirs', () => {
    expect(read(']d1SN:HB000001;MAC:02005E005301;UID:00 11 AA')).toEqual({
      serial: 'HB000001',
      fields: { mac: '02:00:5e:00:53:01', uid: '0011aa' },
    });
    expect(read('SN:HB000001;MAC:02:00:5e:00:53:01')).toEqual({
      serial: 'HB000001',
      fields: { mac: '02:00:5e:00:53:01' },
    });
  });

  it.each([
    ['that is longer than the pattern', 'SN:HB000001;MAC:02005E005301;X', { code: 'label-form' }],
    ['that begins before it', '1SN:HB000001;MAC:02005E005301', { code: 'label-form' }],
    ['whose MAC has five bytes', 'SN:HB000001;MAC:02005E0053', { code: 'label-damaged', position: '17' }],
    ['whose id is odd', 'SN:HB000001;MAC:02005E005301;UID:001', { code: 'label-damaged', position: '34' }],
    ['whose serial is not one', 'SN:HB1;MAC:02005E005301', { code: 'serial-pattern', serial: 'HB1' }],
  ])('is refused %s', (_, code, refusal) => {
    expect(answer(() => read(code))).toMatchObject(refusal);
  });
});

it('whatever a scanner sends is a unit or a refusal with every word that its sentence needs', () => {
  const all = [
    rules(SERIAL),
    rules({ pattern: '.' }, GS1_LABEL),
    rules({ pattern: '.' }, { kind: 'text', pattern: '(?<serial>.*);(?<mac>.*)' }),
  ];
  const check = (code: string) => {
    for (const { read } of all) answer(() => read(code));
  };
  // Halves of surrogates too: a scanner's driver may cut.
  const anything = array(integer({ min: 0, max: 0xffff }), { maxLength: 80 }).map((units) =>
    String.fromCharCode(...units),
  );
  assert(property(string({ maxLength: 80, unit: 'grapheme-ascii' }), check), { numRuns });
  assert(property(anything, check), { numRuns });
});

describe('a recipe', () => {
  const text = (more: string) =>
    new TextEncoder().encode(`schema: 1
product: { id: hello, revision: A, name: Hello }
chip: nrf52840
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
${more}
`);

  it.each([
    ["serial: { pattern: '^(?=H)HB' }", 'serial.pattern', 'linear time'],
    ["serial: { pattern: '^(HB)\\1$' }", 'serial.pattern', 'linear time'],
    ["serial: { pattern: '^HB', check: { scheme: luhn, of: code } }", 'serial.check.of', 'no group (?<code>...)'],
    ["serial: { pattern: '^HB', check: { scheme: crc } }", 'serial.check.scheme', 'known'],
    ["serial: { pattern: '^HB' }\nlabel: { kind: text, pattern: '(?<sn>.*)' }", 'label.pattern', '(?<serial>...)'],
    [
      "serial: { pattern: '^HB' }\nlabel: { kind: text, pattern: '(?<serial>.)(?<Lot_2>.)' }",
      'label.pattern',
      'not Lot_2',
    ],
    [
      "serial: { pattern: '^HB' }\nlabel: { kind: gs1, fields: { batch: '10' } }",
      'label.fields',
      'where the serial is',
    ],
    [
      "serial: { pattern: '^HB' }\nlabel: { kind: gs1, fields: { serial: '21', a: '05' } }",
      'label.fields.a',
      '05 is no',
    ],
    [
      "serial: { pattern: '^HB' }\nlabel: { kind: gs1, expect: { '01': '09506000134353' } }",
      'label.expect.01',
      'check digit',
    ],
    ["serial: { pattern: '^HB' }\nlabel: { kind: gs1, expect: { 01: x } }", 'label.expect', ''],
  ])('that says %s is refused', (more, path, detail) => {
    const refused = answer(() => readRecipe('recipe.yaml', text(more)));
    expect(refused).toMatchObject({ code: 'recipe-invalid', detail: expect.stringContaining(detail) });
    expect(JSON.stringify(refused)).toContain(path);
  });

  it('with all of it is taken', () => {
    const more = `serial: { pattern: '^HB(?<code>[0-9]+)$', check: { scheme: weights, of: code, weights: [7, 3, 1], modulus: 10 } }
label: { kind: gs1, symbologies: [d2, C1], fields: { serial: '21', uid: '92' }, expect: { '01': '09506000134352' }, separator: '|' }`;
    expect(readRecipe('recipe.yaml', text(more)).value.label?.kind).toBe('gs1');
  });
});
