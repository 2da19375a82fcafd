/** What is asked to be signed: by which key, and the digest of what. */
export interface SigningOrder {
  /** The key's name in the signing service; never the key. */
  readonly key: string;
  readonly algorithm: 'ecdsa-p256-sha256' | 'ed25519' | 'rsa-pss-sha256';
  /** SHA-256 (hex) of the bytes to be signed. */
  readonly digest: string;
  /** What it is for, so that the service can count and refuse: a unit's own data, or a release. */
  readonly unit: { readonly serial: string; readonly product: string } | null;
}

/**
 * Signs firmware with keys that live in a service or a module behind it, never in this process, let alone on a station. A
 * refused or failed signature is an ERROR with blame `plant`.
 */
export interface Signing {
  sign(order: SigningOrder): Promise<{ readonly signature: Uint8Array; readonly keyId: string }>;
}
