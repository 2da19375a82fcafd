import { z } from 'zod';
import { Address, Byte, Size } from './memory.ts';
import { SigningAlgorithm } from './signing.ts';

/** Where a unit's value comes from; what a text must be read as says the field that takes it. */
const Source = z
  .string()
  .regex(
    /^(?:serial(?:\.[A-Za-z_]\w*)?|uid|mac(?:\.[1-9])?|scan\.[a-z][a-z0-9-]*|test\.[A-Za-z][\w-]*|product\.(?:id|revision)|version\.[a-z]+|certificate(?:\.compressed)?)$/,
  )
  .describe(
    '`serial`; `serial.NAME`, a named group of its pattern; `uid`, as the chip tells it (of Espressif’s chips its MAC); `mac`, `mac.2`, of the pool in `macs`; `scan.NAME`, typed or scanned for the run; `test.NAME`, one of `results`; `product.id`, `product.revision`; `version.ROLE`; `certificate`, as DER, and `certificate.compressed`, of the section’s certificate',
  );

/** One of both: what every unit has, or what is its own. */
const value = {
  value: z.union([z.string(), z.number().int()]).optional().describe('The same in every unit'),
  from: Source.optional(),
};
const at = Size.or(z.literal(0)).describe('Bytes from the start of the partition');
const Endian = z.enum(['little', 'big']).default('little');

const scale = z
  .number()
  .positive()
  .optional()
  .describe('The value times this, rounded to a whole number: 1000 makes millivolts of volts');

const IntegerField = z.strictObject({
  name: z.string().min(1).optional(),
  at,
  type: z.enum(['u8', 'u16', 'u32', 'u64', 'i8', 'i16', 'i32', 'i64']),
  endian: Endian,
  scale,
  ...value,
});
const StringField = z.strictObject({
  name: z.string().min(1).optional(),
  at,
  type: z.literal('string'),
  size: Size,
  /** A zero must follow the text inside of the field. */
  terminated: z.boolean().default(true),
  pad: Byte.default(0),
  ...value,
});
const BytesField = z.strictObject({
  name: z.string().min(1).optional(),
  at,
  type: z.literal('bytes'),
  size: Size,
  reversed: z.boolean().default(false).describe('The last byte first'),
  pad: Byte.optional().describe('A value may be shorter than the field: this stands behind it'),
  ...value,
});
const CrcField = z.strictObject({
  name: z.string().min(1).optional(),
  at,
  type: z.enum(['crc16-ccitt-false', 'crc16-xmodem', 'crc16-modbus', 'crc32']),
  endian: Endian,
  over: z.strictObject({ at, size: Size }).describe('The bytes that it is made of, all other fields filled in'),
});
/** A key of the plant's by its name there; the public one is in the release, so that no other one's signature is taken. */
export const PlantKey = {
  key: z
    .string()
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._+/-]{0,63}$/u)
    .describe('Name of the key at the plant'),
  publicKey: z.string().min(1).describe('PEM file of its public key, from the recipe’s folder'),
};
const SignatureField = z.strictObject({
  name: z.string().min(1).optional(),
  at,
  type: z.literal('signature'),
  size: Size,
  pad: Byte.default(0).describe('Behind a DER signature that is shorter than the field'),
  over: z.strictObject({ at, size: Size }).describe('The bytes that are signed, all other fields and CRCs filled in'),
  by: z
    .strictObject({ ...PlantKey, algorithm: SigningAlgorithm })
    .describe('The plant signs, with a key that no station has'),
  encoding: z.enum(['raw', 'der']).default('raw').describe('Of ECDSA: r and s as they are, or as a DER sequence'),
});
export type SignatureField = z.infer<typeof SignatureField>;
/** All but signatures. */
export const ValueField = z.discriminatedUnion('type', [IntegerField, StringField, BytesField, CrcField]);
export const TemplateField = z.discriminatedUnion('type', [...ValueField.options, SignatureField]);
export type TemplateField = z.infer<typeof TemplateField>;
export type CrcField = z.infer<typeof CrcField>;

const nvsName = z.string().min(1).max(15);
const NvsValueKey = z.strictObject({
  key: nvsName,
  type: z.enum(['u8', 'u16', 'u32', 'u64', 'i8', 'i16', 'i32', 'i64', 'string', 'blob']),
  scale,
  ...value,
});
export type NvsValueKey = z.infer<typeof NvsValueKey>;
const NvsSignatureKey = z.strictObject({
  key: nvsName,
  type: z.literal('signature'),
  over: z
    .array(nvsName)
    .min(1)
    .max(64)
    .describe(
      'Keys of the same namespace whose values are signed, in this order (docs/ways/manufacturing.md has the bytes)',
    ),
  by: z
    .strictObject({ ...PlantKey, algorithm: SigningAlgorithm })
    .describe('The plant signs, with a key that no station has'),
  encoding: z.enum(['raw', 'der']).default('raw').describe('Of ECDSA: r and s as they are, or as a DER sequence'),
});
export type NvsSignatureKey = z.infer<typeof NvsSignatureKey>;
const NvsKey = z.discriminatedUnion('type', [NvsValueKey, NvsSignatureKey]);
export type NvsKey = z.infer<typeof NvsKey>;

const DeviceCertificate = z.strictObject({
  key: PlantKey.key,
  issuer: z.string().min(1).describe('PEM file of that key’s own certificate, from the recipe’s folder'),
  publicKey: z
    .string()
    .regex(/^(?:element\.(?:[0-9]|1[0-5])|scan\.[a-z][a-z0-9-]*)$/)
    .describe(
      'What is certified: `element.SLOT`, of the key in a slot of the secure element; `scan.NAME`, hexadecimal: X and Y of P-256, or SubjectPublicKeyInfo',
    ),
  organization: z.string().min(1).max(64).optional(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/)
    .optional(),
  years: z.number().int().min(0).max(31).default(0).describe('0: it never ends'),
  compressed: z
    .strictObject({ templateId: z.number().int().min(0).max(15), chainId: z.number().int().min(0).max(15) })
    .optional()
    .describe('It is also kept in the 72 bytes of Microchip’s compressed certificates'),
});
export type DeviceCertificate = z.infer<typeof DeviceCertificate>;

/** What is common to all of them. */
const place = {
  version: z.string().min(1).describe('Of the partition’s layout, for the record'),
  address: Address.describe('Where it goes'),
  size: Size.describe('In bytes'),
  macs: z
    .strictObject({
      pool: z.string().min(1).describe('The plant’s pool of MACs'),
      count: z.number().int().min(1).max(9).default(1),
    })
    .optional()
    .describe('MACs that each unit is given; a unit that comes back keeps its own'),
  certificate: DeviceCertificate.optional().describe(
    'X.509, issued by the plant for a public key of the unit; the serial is its common name',
  ),
};

/** The manufacturing partition: made for each unit once its hardware id is known, then planned, written and proven as any image. */
export const Manufacturing = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('template').describe('Fields at fixed places'),
    ...place,
    fill: Byte.default(0xff).describe('Bytes that no field names'),
    fields: z.array(TemplateField).min(1),
  }),
  z.strictObject({
    kind: z.literal('nvs').describe('A partition of ESP-IDF’s Non-Volatile Storage'),
    ...place,
    nvsVersion: z.union([z.literal(1), z.literal(2)]).default(2),
    namespaces: z.array(z.strictObject({ namespace: z.string().min(1).max(15), keys: z.array(NvsKey).min(1) })).min(1),
  }),
  z.strictObject({
    kind: z.literal('plant').describe('Bytes that the plant answers for the unit'),
    ...place,
    command: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/)
      .describe('Its name at the plant'),
    values: z
      .array(Source)
      .max(100)
      .default([])
      .describe('What it is told beside product, release, serial, hardware id, MACs, run and order'),
    fill: Byte.optional().describe('What the plant gives may be shorter than the partition: this stands behind it'),
  }),
]);
export type Manufacturing = z.infer<typeof Manufacturing>;
export type NvsSection = Extract<Manufacturing, { kind: 'nvs' }>;

/** What the plant is to sign in a template, in the recipe's order. */
export function signatureFields(section: Manufacturing | undefined): SignatureField[] {
  return section?.kind === 'template' ? section.fields.filter((field) => field.type === 'signature') : [];
}

/** Whose signatures a unit's partition has, of whichever kind, each with its place in the recipe. */
export function partitionSigners(
  section: Manufacturing | undefined,
): { readonly by: SignatureField['by']; readonly path: readonly (string | number)[] }[] {
  if (section?.kind === 'template')
    return section.fields.flatMap((field, index) =>
      field.type === 'signature' ? [{ by: field.by, path: ['manufacturing', 'fields', index] }] : [],
    );
  if (section?.kind !== 'nvs') return [];
  return section.namespaces.flatMap(({ keys }, at) =>
    keys.flatMap((key, index) =>
      key.type === 'signature' ? [{ by: key.by, path: ['manufacturing', 'namespaces', at, 'keys', index] }] : [],
    ),
  );
}
