import { z } from 'zod';

const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/u)
  .describe('SHA-256 of the public key, as `espsecure digest-sbv2-public-key` makes it, in lower-case hexadecimal');

/** Steps of no return of Espressif's chips: eFuses. They are burnt in this order, whatever the recipe's. */
export const ESP_LOCKS = [
  z.strictObject({
    step: z
      .literal('esp-key-digest')
      .describe('Burns the digest of a key of secure boot, says what it is for, and write-protects both'),
    slot: z.number().int().min(0).max(5).default(0).describe('Which of the chip’s key blocks'),
    use: z.number().int().min(0).max(2).default(0).describe('Which of its three digests secure boot takes it for'),
    digest: Digest,
  }),
  z.strictObject({
    step: z.literal('esp-custom-mac').describe('Burns a MAC address besides the factory’s'),
    mac: z
      .string()
      .regex(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/u)
      .optional()
      .describe('The same for all units, for trying it: lower case, colons; not a multicast one'),
    from: z
      .string()
      .regex(/^mac(?:\.[1-9])?$/u)
      .optional()
      .describe('`mac`, `mac.2`: of those that the recipe’s `macs` give the unit'),
  }),
  z.strictObject({
    step: z.literal('esp-revoke-digest').describe('The chip no longer takes this digest'),
    use: z.number().int().min(0).max(2),
  }),
  z.strictObject({ step: z.literal('esp-disable-jtag').describe('No debugger any more, for good') }),
  z.strictObject({
    step: z.literal('esp-write-protect').describe('A field or block stays as it is'),
    field: z
      .string()
      .regex(/^[A-Z0-9_]+$/u)
      .describe('As the chip’s manual names it, or BLOCK and a number'),
  }),
  z.strictObject({
    step: z.literal('esp-read-protect').describe('A block is read by the chip’s own engines only'),
    block: z.number().int().min(1).max(10),
  }),
  z.strictObject({
    step: z.literal('esp-secure-boot').describe('The ROM starts only a boot loader that a burnt digest’s key signed'),
  }),
  z.strictObject({
    step: z.literal('esp-secure-download').describe('The ROM loader reads nothing any more; it still writes'),
  }),
  z.strictObject({
    step: z.literal('esp-disable-download').describe('No ROM loader any more: no station reaches this unit again'),
  }),
] as const;
export type EspLock = z.infer<(typeof ESP_LOCKS)[number]>;
