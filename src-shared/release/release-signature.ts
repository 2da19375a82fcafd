import { calculateJwkThumbprint, CompactSign, compactVerify, decodeProtectedHeader, errors, importJWK } from 'jose';
import { z } from 'zod';

/** What a signature of ours over a manifest says that it is. */
const TYP = 'flashline-release+jws';
/** Base64url of 32 bytes. */
const Coordinate = z.string().regex(/^[\w-]{43}$/);

/** A key that signs releases: Ed25519 (RFC 8037) or ECDSA over P-256 (RFC 7518). Members of a JWK that say more are left out. */
export const ReleasePublicKey = z.discriminatedUnion('kty', [
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: Coordinate }),
  z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: Coordinate, y: Coordinate }),
]);
export type ReleasePublicKey = z.infer<typeof ReleasePublicKey>;

export const ReleasePrivateKey = z.discriminatedUnion('kty', [
  ReleasePublicKey.options[0].extend({ d: Coordinate }),
  ReleasePublicKey.options[1].extend({ d: Coordinate }),
]);
export type ReleasePrivateKey = z.infer<typeof ReleasePrivateKey>;

const Header = z.object({ alg: z.enum(['EdDSA', 'ES256']), kid: z.string().regex(/^[\w-]{43}$/), typ: z.literal(TYP) });
/** One signature of a few hundred characters; the payload is left out (RFC 7515, appendix F). */
export const MAX_SIGNATURE_BYTES = 4096;

/** RFC 7638: SHA-256 over the public key's required members, base64url. */
export function releaseKeyId(key: ReleasePublicKey): Promise<string> {
  return calculateJwkThumbprint(ReleasePublicKey.parse(key));
}

/** A JWS with its payload, the manifest's bytes, left out. Ed25519 gives one signature for one manifest; ECDSA a new one each time. */
export async function signManifest(manifest: Uint8Array, key: ReleasePrivateKey): Promise<string> {
  const alg = algorithmOf(key);
  const jws = await new CompactSign(manifest)
    .setProtectedHeader({ alg, kid: await releaseKeyId(key), typ: TYP })
    .sign(await importJWK(ReleasePrivateKey.parse(key), alg));
  const [header, , signature] = jws.split('.');
  return `${header}..${signature}`;
}

/** Which key a signature says that it is of; null when it is no signature of a release. Proves nothing. */
export function claimedKeyId(signature: string): string | null {
  if (!/^[\w-]+\.\.[\w-]+$/.test(signature)) return null;
  try {
    const header = Header.safeParse(decodeProtectedHeader(signature));
    return header.success ? header.data.kid : null;
  } catch {
    // Whatever its header is, it is none of ours.
    return null;
  }
}

/** Whether this key signed these bytes as a release's manifest. */
export async function isSignedBy(manifest: Uint8Array, signature: string, key: ReleasePublicKey): Promise<boolean> {
  if (claimedKeyId(signature) !== (await releaseKeyId(key))) return false;
  const alg = algorithmOf(key);
  const [header, , proof] = signature.split('.');
  try {
    await compactVerify(
      `${header}.${base64url(manifest)}.${proof}`,
      await importJWK(ReleasePublicKey.parse(key), alg),
      {
        algorithms: [alg],
      },
    );
    return true;
  } catch (thrown) {
    // Whatever is wrong with a signature or a key, nothing is proven.
    if (thrown instanceof errors.JOSEError || thrown instanceof TypeError || thrown instanceof DOMException)
      return false;
    throw thrown;
  }
}

function algorithmOf({ kty }: ReleasePublicKey): 'EdDSA' | 'ES256' {
  return kty === 'OKP' ? 'EdDSA' : 'ES256';
}

function base64url(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
