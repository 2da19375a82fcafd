import { createPublicKey, verify } from 'node:crypto';
import { z } from 'zod';

const Header = z.object({ alg: z.literal('EdDSA'), typ: z.string() });
const Head = z.object({ chain: z.string(), sequence: z.number(), hash: z.string() });
export type SignedHead = z.infer<typeof Head>;

const HEAD_TYPE = 'flashline-chain-head+jwt';

/** RFC 7515 compact, RFC 8037 Ed25519: what the station said of its chain; a sentence when the station did not say it. */
export function readHead(jws: string, publicKey: string): SignedHead | string {
  const [header, payload, signature, ...more] = jws.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more.length > 0) return 'no JWS';
  const said = Header.safeParse(json(header));
  if (!said.success || said.data.typ !== HEAD_TYPE) return `not of type ${HEAD_TYPE} by EdDSA`;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  const proven = verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
  if (!proven) return 'signed by another key';
  const head = Head.safeParse(json(payload));
  return head.success ? head.data : 'no chain head';
}

function json(base64url: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64url, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
