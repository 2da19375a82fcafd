import {
  type Arbitrary,
  array,
  boolean,
  constant,
  constantFrom,
  date,
  dictionary,
  double,
  integer,
  jsonValue,
  oneof,
  record,
  string,
  stringMatching,
  tuple,
} from '#test/support/fast-check.ts';
import { z } from 'zod';
import { assertNever } from '#shared/base/assert-never.ts';

const Kind = z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null']);

/** What of JSON Schema (2020-12) our documents use. */
const JsonSchema = z.looseObject({
  type: z.union([Kind, z.array(Kind)]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  allOf: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  items: z.unknown().optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  minItems: z.number().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
type JsonSchema = z.infer<typeof JsonSchema>;

/** What people and attackers put into fields: SQL, HTML, control characters, text that is no text, leap days. */
export const NASTY = [
  "'; DROP TABLE users; --",
  '" OR 1=1 --',
  "$1 %s \\'",
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '../../etc/passwd',
  '%00',
  '\0',
  '\u{D800}',
  '\u202E\u2066',
  '',
  ' ',
  'null',
  '-0',
  '1e999',
  '9'.repeat(400),
  'ß'.repeat(200),
  '2024-02-29T23:59:60Z',
  '2023-02-29T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '0000-00-00T00:00:00Z',
] as const;

/** Values that fit the schema, most of them; it is the server's part to know better. */
export function fitting(given: unknown): Arbitrary<unknown> {
  const schema = JsonSchema.parse(given ?? {});
  if (schema.const !== undefined) return constant(schema.const);
  if (schema.enum !== undefined) return constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined) return oneof(...choices.map(fitting));
  if (Array.isArray(schema.type)) return oneof(...schema.type.map((type) => fitting({ ...schema, type })));
  switch (schema.type) {
    case 'object':
      return objects(schema);
    case 'array':
      return array(fitting(schema.items), { minLength: schema.minItems ?? 0, maxLength: (schema.minItems ?? 0) + 3 });
    case 'string':
      return texts(schema);
    case 'integer':
      return integer({ min: bound(schema.minimum, -1000), max: bound(schema.maximum, 1_000_000) });
    case 'number':
      return double({ noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return boolean();
    case 'null':
      return constant(null);
    case undefined:
      return jsonValue();
    default:
      return assertNever(schema.type, 'type');
  }
}

/** The same with something wrong somewhere: a nasty text, another type, a member too many or too few. */
export function broken(given: unknown): Arbitrary<unknown> {
  const wrong: Arbitrary<unknown> = oneof(
    constantFrom<unknown>(...NASTY),
    jsonValue(),
    constantFrom<unknown>(null, -1, 1e308, 2 ** 53, 2 ** 63, 0.5, [], {}, [[[[]]]], true),
  );
  const { type, properties } = JsonSchema.parse(given ?? {});
  if (type !== 'object' || properties === undefined) return wrong;
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      oneof({ arbitrary: fitting(schema), weight: 2 }, { arbitrary: broken(schema), weight: 1 }),
    ]),
  );
  const whole = record(members, { requiredKeys: [] });
  return oneof(
    { arbitrary: whole, weight: 4 },
    { arbitrary: tuple(whole, wrong).map(([value, surplus]) => Object.assign(value, { surplus })), weight: 1 },
    { arbitrary: wrong, weight: 1 },
  );
}

function objects({ properties, required = [] }: JsonSchema): Arbitrary<unknown> {
  if (properties === undefined) return dictionary(string(), jsonValue(), { maxKeys: 5 });
  const members = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, fitting(schema)]));
  return record(members, { requiredKeys: required });
}

function texts({ format, pattern, minLength = 0, maxLength = 64 }: JsonSchema): Arbitrary<unknown> {
  if (format === 'date-time') return date({ noInvalidDate: true, min: new Date(0) }).map((at) => at.toISOString());
  // Classes by Unicode property are beyond the generator: Latin letters are among them.
  if (pattern?.includes(String.raw`\p{`)) return stringMatching(/^[A-Za-z0-9][A-Za-z0-9 ._+/-]{0,20}$/);
  if (pattern !== undefined) return stringMatching(new RegExp(pattern));
  return string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 40) });
}

function bound(value: number | undefined, otherwise: number): number {
  return value === undefined ? otherwise : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value));
}
