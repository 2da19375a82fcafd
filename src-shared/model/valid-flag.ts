import { z } from 'zod';

const Word = z.number().int().min(0).max(0xffffffff);
const Name = z.string().regex(/^[A-Za-z0-9_.-]{1,32}$/);

/**
 * What else than an image's first words says that it is valid, as its boot loader or its firmware looks at it. Like those it is
 * cleared before the first byte that it vouches for changes, and set when everything was read back.
 */
export const ValidFlag = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('word').describe('A word, somewhere in flash'),
    address: Word,
    value: Word.describe('As a little-endian number'),
  }),
  z.strictObject({
    by: z
      .literal('mcuboot-trailer')
      .describe('The end of its partition says that the image is confirmed: magic number and image_ok of MCUboot'),
  }),
  z.strictObject({
    by: z.literal('esp-ota-data').describe('An entry of OTA data says which slot starts'),
    partition: Name.describe('The partition of the recipe that holds OTA data, two sectors'),
    slot: z.number().int().min(0).max(15).describe('The slot that the image is in: 0 for ota_0'),
  }),
  z.strictObject({
    by: z.literal('nvs-key').describe('A key of the image, which is an NVS partition: without it nothing of it counts'),
    namespace: z.string().min(1).max(15),
    key: z.string().min(1).max(15),
  }),
]);
export type ValidFlag = z.infer<typeof ValidFlag>;
