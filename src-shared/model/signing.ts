import { z } from 'zod';

/** Keys that the plant signs with. */
export const KeyKind = z.enum(['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072']);
export type KeyKind = z.infer<typeof KeyKind>;

/**
 * How a digest is signed. Ed25519 has no way of its own to sign a digest: the message is the digest's bytes, as MCUboot has it.
 * RSA-PSS has MGF1 with the same hash and a salt as long as it: what MCUboot and Secure Boot v2 take.
 */
export const SigningAlgorithm = z.enum([
  'ed25519-sha256',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'rsa-pss-sha256',
  'rsa-pkcs1-sha256',
]);
export type SigningAlgorithm = z.infer<typeof SigningAlgorithm>;

interface AlgorithmFacts {
  readonly kinds: readonly KeyKind[];
  readonly hash: 'sha256' | 'sha384';
  /** Of the digest. */
  readonly bytes: number;
}

export const SIGNING_ALGORITHMS: Readonly<Record<SigningAlgorithm, AlgorithmFacts>> = {
  'ed25519-sha256': { kinds: ['ed25519'], hash: 'sha256', bytes: 32 },
  'ecdsa-p256-sha256': { kinds: ['ecdsa-p256'], hash: 'sha256', bytes: 32 },
  'ecdsa-p384-sha384': { kinds: ['ecdsa-p384'], hash: 'sha384', bytes: 48 },
  'rsa-pss-sha256': { kinds: ['rsa-2048', 'rsa-3072'], hash: 'sha256', bytes: 32 },
  'rsa-pkcs1-sha256': { kinds: ['rsa-2048', 'rsa-3072'], hash: 'sha256', bytes: 32 },
};

/** Where a key is: in a hardware module, or in a file for trying things, which proves nothing to anybody. */
export const KeyStoreKind = z.enum(['hsm', 'development']);
export type KeyStoreKind = z.infer<typeof KeyStoreKind>;
