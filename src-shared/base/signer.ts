/** An Ed25519 public key as a JSON Web Key (RFC 8037): `x` is the key's 32 bytes as base64url. */
export interface PublicKey {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
}

/**
 * A private key that can be used and never seen. What it signs is a compact JWS (RFC 7515, `alg: EdDSA`) with `kid` and
 * `typ` in its header: `typ` says what is being said, so that one kind of statement is never taken for another.
 */
export interface Signer {
  /** RFC 7638 thumbprint of the public key (SHA-256, base64url). */
  readonly keyId: string;
  readonly publicKey: PublicKey;
  /** `payload` is signed as canonical JSON. */
  sign(payload: object, typ: string): Promise<string>;
}
