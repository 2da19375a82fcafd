import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalText } from './canonical.ts';

/** An Ed25519 key and what it signs, by Node's own crypto: none of it is the code under test. */
export class TestKey {
  readonly #private: KeyObject;
  readonly x: string;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#private = privateKey;
    this.x = publicKey.export({ format: 'jwk' }).x ?? '';
  }

  get publicKey(): { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string } {
    return { kty: 'OKP', crv: 'Ed25519', x: this.x };
  }

  /** Compact JWS (RFC 7515, RFC 8037). */
  statement(payload: object, typ: string): string {
    const signed = `${base64(JSON.stringify({ alg: 'EdDSA', typ }))}.${base64(canonicalText(payload))}`;
    return `${signed}.${sign(null, Buffer.from(signed), this.#private).toString('base64url')}`;
  }
}

/** The payload, if this key signed it with this `typ`; else null. */
export function provenPayload(jws: string, typ: string, x: string): Record<string, unknown> | null {
  const [head = '', body = '', signature = ''] = jws.split('.');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  if (!verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) return null;
  const header: unknown = JSON.parse(Buffer.from(head, 'base64url').toString());
  if (typeof header !== 'object' || header === null || !('typ' in header) || header.typ !== typ) return null;
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64url');
}
