import { z } from 'zod';

const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)
  .describe('Letters, digits, _ and -');
const Count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const Mac = z
  .string()
  .regex(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/)
  .describe('Lower case, colons; not a group’s');

/** Where a unit's serial comes from, where it is on no label when the unit is made. */
export const SerialSource = z.union(
  [
    z.strictObject({
      counter: Name.describe(
        'This station’s own; the same name goes on in every recipe. Of several stations each needs another prefix',
      ),
      prefix: z.string().max(64).default(''),
      digits: z.number().int().min(1).max(15),
      first: Count.default(1),
      last: Count,
    }),
    z.strictObject({
      list: Name.describe('Filled by `flashline numbers import`'),
      columns: z
        .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), z.string().min(1))
        .default({ serial: 'serial' })
        .describe(
          'What is in which column, by its heading: `serial`; `batch`, for the record; any other is `scan.NAME`',
        ),
      take: z
        .enum(['next', 'scanned'])
        .default('next')
        .describe('next: rows are given out in their order; scanned: the label says which row is the unit’s'),
    }),
    z.strictObject({ pool: Name.describe('The plant’s pool of serials') }),
  ],
  'must be a counter, a list or a pool',
);
export type SerialSource = z.infer<typeof SerialSource>;

const count = z.number().int().min(1).max(9).default(1).describe('How many a unit is given: mac, mac.2, ...');
const step = z
  .number()
  .int()
  .min(1)
  .max(256)
  .refine((value) => Number.isInteger(Math.log2(value)), 'must be a power of two')
  .default(1)
  .describe('Each is the first of so many addresses, a multiple of it: an ESP32 makes four of one');

/** Where a unit's MACs come from. */
export const MacSource = z.union(
  [
    z.strictObject({ pool: Name.describe('The plant’s pool of MACs'), count, step }),
    z.strictObject({ counter: Name.describe('This station’s own'), first: Mac, last: Mac, count, step }),
    z.strictObject({
      from: z
        .string()
        .regex(/^scan\.[a-z][a-z0-9-]*$/)
        .describe('`scan.NAME`: a field of the label or of the list, or --scan'),
    }),
  ],
  'must have a pool, a counter, or from',
);
export type MacSource = z.infer<typeof MacSource>;
