import { z } from 'zod';

const keys = z
  .array(z.string().min(1))
  .min(1)
  .describe('PEM files of public keys, from the recipe’s folder; one of them must have signed');

/** By what an image must be signed before it is written into any unit. */
export const RecipeSignature = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('mcuboot').describe('In the image: RSA-2048 or 3072 (PSS), ECDSA P-256 or P-384, Ed25519'),
    keys,
    minimumCounter: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe('The security counter that the image must have, or a greater one'),
  }),
  z.strictObject({
    kind: z.literal('esp-secure-boot-v2').describe('In the image’s last sector: RSA-3072 (PSS), ECDSA P-256'),
    keys,
  }),
  z.strictObject({
    kind: z
      .literal('detached')
      .describe('In a file of its own, over the image’s file: Ed25519, ECDSA P-256 (DER, SHA-256), RSA-PSS (SHA-256)'),
    keys,
    file: z.string().min(1).describe('The signature’s file, from the recipe’s folder'),
  }),
]);
export type RecipeSignature = z.infer<typeof RecipeSignature>;

/** Who signed an image, as it was verified before it was written. */
export const ImageSigner = z.object({
  kind: z.enum(['mcuboot', 'esp-secure-boot-v2', 'detached']),
  /** Lower-case hexadecimal: MCUboot’s KEYHASH, the digest in Espressif’s eFuses, else SHA-256 of the key’s SubjectPublicKeyInfo. */
  keys: z.array(z.string()),
});
export type ImageSigner = z.infer<typeof ImageSigner>;
