/**
 * GS1 General Specifications, figure 3.2: application identifiers and what follows each. A part of a value: n digits, x character
 * set 82, y set 39, z base 64 for URIs; `..` up to so many; `?` may be left out; c the last digit is a check digit (7.9.1);
 * d is a date YYMMDD whose day may be 00. What countries, currencies and company prefixes mean is not looked into.
 */
const TABLE: Readonly<Record<string, string>> = {
  '00': 'n18c',
  '01': 'n14c',
  '02': 'n14c',
  '03': 'n14c',
  '10': 'x..20',
  '11': 'd',
  '12': 'd',
  '13': 'd',
  '15': 'd',
  '16': 'd',
  '17': 'd',
  '20': 'n2',
  '21': 'x..20',
  '22': 'x..20',
  '235': 'x..28',
  '240': 'x..30',
  '241': 'x..30',
  '242': 'n..6',
  '243': 'x..20',
  '250': 'x..30',
  '251': 'x..30',
  '253': 'n13c x..17?',
  '254': 'x..20',
  '255': 'n13c n..12?',
  '30': 'n..8',
  '37': 'n..8',
  '400': 'x..30',
  '401': 'x..30',
  '402': 'n17c',
  '403': 'x..30',
  '420': 'x..20',
  '421': 'n3 x..9',
  '422': 'n3',
  '423': 'n..15',
  '424': 'n3',
  '425': 'n..15',
  '426': 'n3',
  '427': 'x..3',
  '4300': 'x..35',
  '4301': 'x..35',
  '4307': 'x2',
  '4308': 'x..30',
  '4309': 'n20',
  '4310': 'x..35',
  '4311': 'x..35',
  '4317': 'x2',
  '4318': 'x..20',
  '4319': 'x..30',
  '4320': 'x..35',
  '4321': 'n1',
  '4322': 'n1',
  '4323': 'n1',
  '4324': 'n10',
  '4325': 'n10',
  '4326': 'd',
  '7001': 'n13',
  '7002': 'x..30',
  '7003': 'n10',
  '7004': 'n..4',
  '7005': 'x..12',
  '7006': 'd',
  '7007': 'd d?',
  '7008': 'x..3',
  '7009': 'x..10',
  '7010': 'x..2',
  '7011': 'd n4?',
  '7020': 'x..20',
  '7021': 'x..20',
  '7022': 'x..20',
  '7023': 'x..30',
  '7040': 'n1 x3',
  '7240': 'x..20',
  '7241': 'n2',
  '7242': 'x..25',
  '8001': 'n14',
  '8002': 'x..20',
  '8003': 'n14c x..16?',
  '8004': 'x..30',
  '8005': 'n6',
  '8006': 'n14c n4',
  '8007': 'x..34',
  '8008': 'n8 n..4?',
  '8009': 'x..50',
  '8010': 'y..30',
  '8011': 'n..12',
  '8012': 'x..20',
  '8013': 'x..25',
  '8017': 'n18c',
  '8018': 'n18c',
  '8019': 'n..10',
  '8020': 'x..25',
  '8026': 'n14c n4',
  '8030': 'z..90',
  '8110': 'x..70',
  '8111': 'n4',
  '8112': 'x..70',
  '8200': 'x..70',
  '90': 'x..30',
};

/** Identifiers that come in rows: the last digit, or the last but one, is a number. Measures have a decimal point's place there. */
const ROWS: readonly (readonly [first: number, last: number, format: string])[] = [
  [91, 99, 'x..90'],
  ...[...span(310, 316), ...span(320, 337), ...span(340, 357), ...span(360, 369)].map(
    (measure) => [10 * measure, 10 * measure + 5, 'n6'] as const,
  ),
  [3900, 3909, 'n..15'],
  [3910, 3919, 'n3 n..15'],
  [3920, 3929, 'n..15'],
  [3930, 3939, 'n3 n..15'],
  [3940, 3943, 'n4'],
  [3950, 3955, 'n6'],
  [410, 417, 'n13c'],
  [4302, 4306, 'x..70'],
  [4312, 4316, 'x..70'],
  [4330, 4333, 'n6 x..1?'],
  [7030, 7039, 'n3 x..27'],
  [710, 716, 'x..20'],
  [7230, 7239, 'x2 x..28'],
];

/** Figure 7.8.5-2: element strings that begin so have this length, identifier included, and need no separator behind them. */
const PREDEFINED: Readonly<Record<string, number>> = {
  '00': 20,
  '01': 16,
  '02': 16,
  '03': 16,
  '04': 18,
  '11': 8,
  '12': 8,
  '13': 8,
  '14': 8,
  '15': 8,
  '16': 8,
  '17': 8,
  '18': 8,
  '19': 8,
  '20': 4,
  '31': 10,
  '32': 10,
  '33': 10,
  '34': 10,
  '35': 10,
  '36': 10,
  '41': 16,
};

export interface ElementPart {
  readonly set: 'n' | 'x' | 'y' | 'z';
  readonly least: number;
  readonly most: number;
  readonly optional: boolean;
  readonly check: boolean;
  readonly date: boolean;
}

export interface ElementFormat {
  readonly id: string;
  readonly parts: readonly ElementPart[];
  /** Characters of its value; null where a separator, or the end, says how many there are. */
  readonly length: number | null;
}

/** By application identifier. */
export const ELEMENTS: ReadonlyMap<string, ElementFormat> = new Map(
  [
    ...Object.entries(TABLE),
    ...ROWS.flatMap(([first, last, format]) => span(first, last).map((id): [string, string] => [String(id), format])),
  ].map(([id, format]) => [id, elementOf(id, format)]),
);

function elementOf(id: string, format: string): ElementFormat {
  const whole = PREDEFINED[id.slice(0, 2)];
  return { id, parts: format.split(' ').map(partOf), length: whole === undefined ? null : whole - id.length };
}

function partOf(text: string): ElementPart {
  const [, set, upTo, digits, check, optional] = /^([nxyzd])(\.\.)?(\d*)(c?)(\??)$/.exec(text) ?? [];
  const most = set === 'd' ? 6 : Number(digits);
  return {
    set: set === 'x' || set === 'y' || set === 'z' ? set : 'n',
    least: upTo === undefined ? most : 1,
    most,
    optional: optional === '?',
    check: check === 'c',
    date: set === 'd',
  };
}

function span(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
