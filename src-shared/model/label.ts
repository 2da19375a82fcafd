import { z } from 'zod';
import { patternFault } from '../base/linear-pattern.ts';

/** A recipe's own: it is not trusted, so none that can hang. */
export const Pattern = z.string().superRefine((source, context) => {
  const fault = patternFault(source);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

const GroupName = z.string().regex(/^[A-Za-z_]\w{0,31}$/);
const of = GroupName.optional().describe(
  'The named group of the pattern that the scheme is over, check characters included; the whole serial when left out',
);
/** Characters in the order of their values, from 0. */
const Alphabet = z
  .string()
  .min(2)
  .max(64)
  .regex(/^[\x21-\x7e]+$/, 'must be characters that a label can have')
  .refine((text) => new Set(text).size === text.length, 'must have each character once');

/** How a serial proves that it was read right. */
export const CheckScheme = z.discriminatedUnion('scheme', [
  z.strictObject({
    scheme: z.literal('luhn').describe('ISO/IEC 7812-1: the last character; finds every single wrong one'),
    of,
    alphabet: Alphabet.refine((text) => text.length % 2 === 0, 'must have an even number of characters')
      .default('0123456789')
      .describe('Luhn mod N where these are more than the digits: such as 0-9 and A-Z written out'),
  }),
  z.strictObject({
    scheme: z
      .literal('mod97-10')
      .describe('ISO/IEC 7064: two digits at the end; letters count as 10 to 35, as in an IBAN or an LEI'),
    of,
  }),
  z.strictObject({
    scheme: z.literal('gs1').describe('Modulo 10 with weights 3 and 1, as in a GTIN: the last digit'),
    of,
  }),
  z.strictObject({
    scheme: z.literal('weights').describe('A scheme of your own: a weighted sum'),
    of,
    weights: z
      .array(z.number().int().min(0).max(96))
      .min(1)
      .max(64)
      .describe('For one character after the other, from the beginning again when they are used up'),
    from: z.enum(['left', 'right']).default('left').describe('Which character has the first weight'),
    products: z
      .enum(['whole', 'digits'])
      .default('whole')
      .describe('digits: of a product its decimal digits are added, as Luhn does'),
    modulus: z.number().int().min(2).max(97),
    remainder: z
      .enum(['sum', 'complement'])
      .default('complement')
      .describe('The check character is the remainder of the sum, or what the sum lacks to the next multiple'),
    alphabet: Alphabet.default('0123456789').describe('The characters that count, in the order of their values from 0'),
    symbols: Alphabet.optional().describe(
      'The check character by its value from 0, where that is not the alphabet: 0123456789X. A value without one makes no serial',
    ),
    at: z.enum(['start', 'end']).default('end').describe('Where the check character stands'),
  }),
]);
export type CheckScheme = z.infer<typeof CheckScheme>;

/** What a part of a label is to us. Any other name is what `scan.NAME` finds. */
export const LABEL_FIELDS = ['serial', 'batch', 'order', 'uid', 'mac'] as const;
export const LabelFieldName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/)
  .describe(
    '`serial`; `batch` and `order`, for the record; `uid` and `mac`: must be what the chip tells; any other is `scan.NAME`',
  );

/** Two to four digits, and in the recipe always as text. */
const ElementId = z.string().regex(/^[0-9]{2,4}$/, "must be a GS1 application identifier in quotes, such as '21'");

const symbologies = z
  .array(z.string().regex(/^[A-Za-z][0-9A-Za-z]$/))
  .min(1)
  .max(16)
  .optional()
  .describe(
    'Kinds of barcode by their identifier (ISO/IEC 15424) without the ], such as d2: a scanner that sends another, or none, is refused',
  );

/** How the code on a unit's label is made up. The identifier that a scanner puts before it is taken off in any case. */
export const Label = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('text').describe('One text that a pattern takes apart'),
    symbologies,
    pattern: Pattern.describe(
      'Regular expression for the whole code; its named groups are the fields, (?<serial>...) must be one of them',
    ),
  }),
  z.strictObject({
    kind: z
      .literal('gs1')
      .describe('GS1 element strings, as a scanner sends them or with brackets, or a GS1 Digital Link URI'),
    symbologies,
    fields: z
      .record(LabelFieldName, ElementId)
      .default({ serial: '21' })
      .describe('Which application identifier is which field'),
    expect: z
      .record(ElementId, z.string().min(1).max(90))
      .optional()
      .describe("What must be on each label of this product, such as '01': its GTIN"),
    separator: z
      .string()
      .regex(/^[\x21-\x7e]$/)
      .optional()
      .describe('What the scanner sends instead of GS (0x1D), where it cannot send that'),
  }),
]);
export type Label = z.infer<typeof Label>;
