import { z } from 'zod';
import { PlantKey, ValueField } from './manufacturing.ts';
import { Byte, Size } from './memory.ts';
import { SigningAlgorithm } from './signing.ts';

/** Those that MCUboot verifies with SHA-256 as the image's hash. */
const Algorithm = SigningAlgorithm.extract(['ed25519-sha256', 'ecdsa-p256-sha256', 'rsa-pss-sha256']);

/**
 * An image that the plant signs for each unit: what is the unit's own stands in a protected TLV, so that it is signed with the rest.
 * MCUboot leaves types xxA0 to xxFF to vendors (image.h); FFFF means any of them there.
 */
export const SignedPerUnit = z.strictObject({
  kind: z.literal('mcuboot').describe('The file is an MCUboot image, signed or not; what signature it has is replaced'),
  by: z
    .strictObject({ ...PlantKey, algorithm: Algorithm })
    .describe('The plant signs the image’s hash, with a key that no station has'),
  tlv: z
    .strictObject({
      tag: z
        .number()
        .int()
        .min(0xa0)
        .max(0xfffe)
        .refine((tag) => (tag & 0xff) >= 0xa0, 'must be one that MCUboot leaves to vendors: 0xXXA0 to 0xXXFF')
        .describe('Type of the TLV; MCUboot leaves 0xXXA0 to 0xXXFF to vendors'),
      size: Size.max(4096).describe('In bytes'),
      fill: Byte.default(0).describe('Bytes that no field names'),
      fields: z.array(ValueField).min(1),
    })
    .describe('What is the unit’s own, in a protected TLV'),
});
export type SignedPerUnit = z.infer<typeof SignedPerUnit>;
