import { constants, verify } from 'node:crypto';
import { equalBytes, fromHex } from '#shared/base/bytes.ts';
import type { ImageSigner } from '#shared/model/signature.ts';
import { readEspSignatures } from '../../image/esp-signature.ts';
import { type McubootImage, type McubootSignature, readMcuboot } from '../../image/mcuboot.ts';
import { espKeyBytes, mcubootKeyBytes, type PublicKeyFile, sha256 } from './public-key.ts';

/** Who signed, or why it does not count: nothing is there, or what is there is wrong. */
export type Verified =
  | { readonly by: ImageSigner }
  | { readonly missing: string; readonly wrong?: undefined }
  | { readonly wrong: string; readonly missing?: undefined };

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

export function verifyMcuboot(bytes: Uint8Array, keys: readonly PublicKeyFile[], minimumCounter = 0): Verified {
  const image = readMcuboot(bytes);
  if (typeof image === 'string') return { missing: image };
  if (image.isEncrypted)
    return { wrong: 'it is encrypted, so its signature cannot be verified before it is in a unit' };
  if (image.signatures.length === 0) return { missing: 'it has no signature' };
  if (image.hash?.is === 'wrong') return { wrong: `its ${image.hash.kind.toUpperCase()} is not that of its bytes` };
  const counter = image.securityCounter;
  if (minimumCounter > 0 && (counter === null || counter < minimumCounter))
    return { wrong: `its security counter is ${counter ?? 'missing'}, the least is ${minimumCounter}` };
  // The boot loader starts no image without one, whatever is signed.
  if (!image.hash && !image.signatures.some(({ isPure }) => isPure)) return { wrong: 'it has no hash of its bytes' };
  const faults: string[] = [];
  const by: string[] = [];
  for (const signature of image.signatures) {
    const key = keys.find((each) => isNamed(signature, each));
    if (!key) faults.push(`no key of the release is the one that its signature names, ${nameOf(signature)}`);
    else if (verifiesMcuboot(image, signature, key)) by.push(keyHash(signature, key));
    else faults.push(`its signature is not one of ${key.file}`);
  }
  return by.length > 0 ? { by: { kind: 'mcuboot', keys: by } } : { wrong: faults.join('; ') };
}

function nameOf({ keyHash: named, publicKey }: McubootSignature): string {
  return named ?? (publicKey ? sha256(publicKey) : 'none');
}

/** A KEYHASH has the width of the image's hash. */
function keyHash({ keyHash: named }: McubootSignature, key: PublicKeyFile): string {
  return sha256(mcubootKeyBytes(key), named?.length === 96 ? 'sha384' : named?.length === 128 ? 'sha512' : 'sha256');
}

function isNamed(signature: McubootSignature, key: PublicKeyFile): boolean {
  if (signature.publicKey) return equalBytes(signature.publicKey, mcubootKeyBytes(key));
  return signature.keyHash !== null && signature.keyHash === keyHash(signature, key);
}

function verifiesMcuboot(
  image: McubootImage,
  { kind, signature, isPure }: McubootSignature,
  named: PublicKeyFile,
): boolean {
  const { key } = named;
  if (kind === 'rsa-2048' || kind === 'rsa-3072')
    return kind === named.kind && verify('sha256', image.signed, { key, ...PSS }, signature);
  if (kind === 'ed25519') {
    if (named.kind !== 'ed25519') return false;
    if (isPure) return verify(null, image.signed, key, signature);
    if (!image.hash) return false;
    return verify(null, fromHex(sha256(image.signed, image.hash.kind)), key, signature);
  }
  if (named.kind !== 'ecdsa-p256' && named.kind !== 'ecdsa-p384') return false;
  const hash = named.kind === 'ecdsa-p384' ? 'sha384' : 'sha256';
  return verify(hash, image.signed, { key, dsaEncoding: 'der' }, unpadded(signature));
}

/** Older images have zeros behind the DER sequence, so that all signatures are as long. */
function unpadded(der: Uint8Array): Uint8Array {
  const length = der[1] ?? 0;
  return length < 0x80 ? der.subarray(0, 2 + length) : der;
}

export function verifyEsp(bytes: Uint8Array, keys: readonly PublicKeyFile[]): Verified {
  const found = readEspSignatures(bytes);
  if (!found) return { missing: 'it does not end with a sector of signatures' };
  if (found.fault !== undefined) return { wrong: found.fault };
  const faults: string[] = [];
  const by: string[] = [];
  for (const [index, block] of found.blocks.entries()) {
    const key = keys.find((each) => equalBytes(espKeyBytes(each) ?? new Uint8Array(), block.key));
    const place = `signature block ${index + 1}`;
    if (block.digest === 'wrong') return { wrong: `${place} is for other bytes than the image has` };
    if (!key) faults.push(`no key of the release is that of ${place}, ${block.keyDigest}`);
    else if (verifiesEsp(found.signed, block.signature, key)) by.push(block.keyDigest);
    else return { wrong: `${place} is not signed by ${key.file}` };
  }
  return by.length > 0 ? { by: { kind: 'esp-secure-boot-v2', keys: by } } : { wrong: faults.join('; ') };
}

/** Numbers stand with their lowest byte first. */
function verifiesEsp(signed: Uint8Array, signature: Uint8Array, { key, kind }: PublicKeyFile): boolean {
  if (kind === 'rsa-3072') return verify('sha256', signed, { key, ...PSS }, signature.toReversed());
  const both = Uint8Array.of(...signature.subarray(0, 32).toReversed(), ...signature.subarray(32).toReversed());
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, both);
}

export function verifyDetached(bytes: Uint8Array, signature: Uint8Array, keys: readonly PublicKeyFile[]): Verified {
  const by = keys.filter((key) => verifiesDetached(bytes, signature, key)).map(({ id }) => id);
  if (by.length > 0) return { by: { kind: 'detached', keys: by } };
  return { wrong: `its signature is of none of ${keys.map(({ file }) => file).join(', ')}` };
}

function verifiesDetached(bytes: Uint8Array, signature: Uint8Array, { key, kind }: PublicKeyFile): boolean {
  if (kind === 'ed25519') return verify(null, bytes, key, signature);
  if (kind === 'ecdsa-p256') return verify('sha256', bytes, { key, dsaEncoding: 'der' }, signature);
  if (kind === 'ecdsa-p384') return false;
  // As long as the signer's program made the salt.
  const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
  return verify('sha256', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
}
