import { z } from 'zod';
import { Failure } from '../../model/failure.ts';

/** Where every call of version 1 begins. A change that an older station cannot take gets a new number. */
export const API = '/api/v1';

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The page that a buyer's link opens; the link's secret stands behind `#`, which browsers do not send. */
export const BUYER_PAGE = '/buyer';
/** The page that says whether a certificate is authentic; open to anybody. */
export const VERIFY_PAGE = '/verify';

/** UTC, ISO 8601. */
export const Instant = z.iso.datetime();

/** A name that people give and machines use: of a station, a user, an order, a pool. */
export const Name = z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._+/-]{0,63}$/u);

/** What is on labels and in records: anything printable, and never long. */
export const Label = z
  .string()
  .min(1)
  .max(128)
  // What no database text holds.
  .regex(/^[^\0]*$/);

/** A compact JWS. */
export const Jws = z
  .string()
  .max(2_000_000)
  .regex(/^[\w-]+\.[\w-]+\.[\w-]+$/);

/** An Ed25519 public key (RFC 8037); more in `src-shared/base/signer.ts`. */
export const PublicKeyJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().regex(/^[\w-]{43}$/),
});

/** The body of every answer that is not 2xx: the failure as data, and in English words for whoever reads it raw. */
export const PlantRefusal = z.object({ failure: Failure, message: z.string(), remedy: z.string() });
export type PlantRefusal = z.infer<typeof PlantRefusal>;

/** Newest first, a page at a time: `next` goes into the next call's `before`; null at the end. */
export const Next = z.string().max(512).nullable();

export const Done = z.object({});
