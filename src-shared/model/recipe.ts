import { z } from 'zod';
import { ESP_LOCKS } from './esp-locks.ts';
import { CheckScheme, Label, Pattern } from './label.ts';
import { Manufacturing } from './manufacturing.ts';
import { MacSource, SerialSource } from './numbers.ts';
import { RecipeSignature } from './signature.ts';
import { SignedPerUnit } from './signed-per-unit.ts';
import { ValidFlag } from './valid-flag.ts';

export const Role = z.enum(['bootloader', 'application', 'filesystem', 'manufacturing']);
export type Role = z.infer<typeof Role>;

export const Interface = z.enum(['swd', 'jtag', 'uart', 'dfu', 'uf2', 'hf2', 'spi', 'i2c']);
export type Interface = z.infer<typeof Interface>;

const StepName = z
  .string()
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._+/-]{0,63}$/u)
  .describe('Name of a process step, as records and the plant have it');

const Address = z.number().int().min(0).max(0xffffffff);
const AreaName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)
  .describe('Letters, digits, _ and -');

const Area = z.strictObject({
  name: AreaName,
  address: Address,
  size: z.number().int().min(1).max(0xffffffff).describe('In bytes'),
});

const RecipeImage = z.strictObject({
  role: Role.describe('What the image is to the product'),
  file: z.string().min(1).describe('Path from the recipe’s folder'),
  version: z.string().min(1),
  address: Address.optional().describe('Where a .bin goes; other formats carry their addresses'),
  partition: AreaName.optional().describe(
    'The partition that it fills from its beginning: a .bin needs no address then',
  ),
  align: z
    .number()
    .int()
    .min(1)
    .max(0x80000000)
    .refine((align) => Number.isInteger(Math.log2(align)), 'must be a power of two')
    .optional()
    .describe('Its first address must be a multiple of this'),
  erase: z
    .enum(['pages', 'partition'])
    .optional()
    .describe('pages: those that it has bytes in (the default); partition: also what is left of its partition'),
  valid: ValidFlag.optional().describe(
    'What else says that it is valid, beside its first words: cleared before anything changes, set when everything was read back',
  ),
  signature: RecipeSignature.optional().describe('Who must have signed it; nothing is written before that is verified'),
  signedPerUnit: SignedPerUnit.optional().describe(
    'The plant signs it for each unit, with something of the unit’s own in it; for an application or a bootloader',
  ),
});

const Slot = z.number().int().min(0).max(255);

/** A step of no return. A kind of chip adds its own here; the plan puts them last, in the order that the chip needs. */
const RecipeLock = z.discriminatedUnion('step', [
  z.strictObject({
    step: z.literal('atecc-config').describe('Locks the configuration zone; an image must define all of it'),
  }),
  z.strictObject({ step: z.literal('atecc-data').describe('Locks the data and OTP zones') }),
  z.strictObject({
    step: z.literal('atecc-slot').describe('Locks one slot against any further writing'),
    slot: Slot,
  }),
  z.strictObject({
    step: z.literal('quad-enable').describe('A NOR flash’s pins WP# and HOLD# become data lines for good'),
  }),
  z.strictObject({
    step: z.literal('block-protection').describe('All blocks of a NOR flash are protected by its status register'),
  }),
  z.strictObject({
    step: z
      .literal('write-protection')
      .describe('The pages of this role are written for nobody any more, until the protection is lifted'),
    role: Role,
  }),
  z.strictObject({
    step: z
      .literal('readout-protection')
      .describe('Debuggers and boot loaders see nothing of the chip any more, until it is erased whole'),
  }),
  ...ESP_LOCKS,
]);
export type RecipeLock = z.infer<typeof RecipeLock>;

/** Roles of the plant (contract/plant/endpoint.ts) that may answer for what nobody takes back. */
export const ReleaseRole = z.enum(['supervisor', 'process-engineer', 'quality']);
export type ReleaseRole = z.infer<typeof ReleaseRole>;

/** recipe.yaml, schema 1: what a unit of one product must become. Its JSON Schema is generated for editors. */
export const Recipe = z.strictObject({
  schema: z.literal(1),
  product: z.strictObject({
    id: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/)
      .describe('Stable id, lower case'),
    revision: z.string().min(1),
    name: z.string().min(1),
  }),
  chip: z.string().min(1).describe('A chip description’s id; see `flashline chips list`'),
  interface: Interface,
  images: z.array(RecipeImage).min(1),
  partitions: z.array(Area).min(1).max(64).optional().describe('The product’s map of the flash, in whole pages'),
  keep: z
    .array(
      z.union([z.strictObject({ partition: AreaName }), Area], 'must name a partition, or have name, address and size'),
    )
    .min(1)
    .max(16)
    .optional()
    .describe(
      'What a re-flash leaves as it is (calibration, identity): its digest is taken before and after, and recorded',
    ),
  manufacturing: Manufacturing.optional().describe(
    'What is made for each unit: its identity, as its firmware finds it',
  ),
  unlock: z
    .enum(['mass-erase', 'block-protection'])
    .optional()
    .describe(
      'A unit that comes locked is opened: it is erased whole, or (a NOR flash, an STM32) only the write protection of its blocks is cleared. Without it such a unit is refused',
    ),
  keys: z
    .array(z.strictObject({ slot: Slot.describe('Slot of the secure element') }))
    .min(1)
    .optional()
    .describe('Slots in which the chip makes a private key of its own; the record has the public keys'),
  locks: z
    .array(RecipeLock)
    .min(1)
    .optional()
    .describe('What is locked for good, after everything was read back and found right'),
  lockRelease: z
    .union([ReleaseRole, z.array(ReleaseRole).min(1).max(ReleaseRole.options.length)])
    .optional()
    .describe(
      'Before the first step of `keys` and `locks` the run waits until a person with this role, or one of these, scans a badge; without it nobody is waited for',
    ),
  restart: z
    .enum(['resume', 'restart'])
    .optional()
    .describe(
      'What the next run of a unit does whose run was broken off. resume: what is there and right is read back and kept (the default); restart: all of it is erased and written',
    ),
  route: z
    .strictObject({
      step: StepName.describe('The process step that a run of this recipe is; `flash` when there is no route'),
      after: StepName.optional().describe('The step that a unit must have passed before, as the plant knows'),
    })
    .optional()
    .describe('Where this recipe stands among the product’s process steps'),
  serial: z.strictObject({
    pattern: Pattern.describe(
      'Regular expression that a serial must match, in RE2’s syntax: no looking around and no references back, so that none can hang a station',
    ),
    check: CheckScheme.optional().describe('How a serial proves that it was read right'),
    source: SerialSource.optional().describe('Where serials come from; the label when left out'),
  }),
  macs: MacSource.optional().describe('MACs that each unit is given; a unit that comes back keeps its own'),
  results: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z][\w-]{0,63}$/),
        unit: z.string().max(16).describe('As in the SI: V, mA, Hz; empty for a plain number'),
      }),
    )
    .min(1)
    .max(64)
    .optional()
    .describe('What a functional test must have measured of each unit before; each is `test.NAME`'),
  label: Label.optional().describe('How the code on the label is made up; without it the code is the serial'),
});
export type Recipe = z.infer<typeof Recipe>;
