import { constants, createHash, verify } from 'node:crypto';
import { assertNever } from '#shared/base/assert-never.ts';
import { type NvsSection, type SignatureField, signatureFields } from '#shared/model/manufacturing.ts';
import type { Recipe, Role } from '#shared/model/recipe.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '#shared/model/signing.ts';
import { writeDer, writeInteger, TAG } from '../../image/certificate/der.ts';
import type { PublicKeyFile } from '../signature/public-key.ts';
import { fieldName, nvsEntriesFor, renderFor } from './render.ts';
import { nvsMessage, type NvsSignature, nvsSignatures } from './nvs-signature.ts';
import { unsuited } from './field-bytes.ts';
import type { UnitValues } from './unit-values.ts';

/** Bytes of a unit's partition, or of an image of its own, that are to be signed for it. */
export interface ToSign {
  /** Where in the partition the signature goes (of NVS its number among the signatures), or the image's role. */
  readonly at: number | Role;
  /** Its name for messages and records. */
  readonly what: string;
  readonly key: string;
  readonly algorithm: SigningAlgorithm;
  readonly message: Uint8Array;
  readonly publicKey: PublicKeyFile;
}

/** Public keys of the release, by the names that its recipe has for them. */
export type UnitKeys = ReadonlyMap<string, PublicKeyFile>;

/** The next signature that the unit's partition does not have yet; null when it has all. One may stand in what a later one signs. */
export function nextToSign(recipe: Recipe, unit: UnitValues, keys: UnitKeys): ToSign | null {
  const section = recipe.manufacturing;
  if (section?.kind === 'nvs') return nextInNvs(section, recipe, unit, keys);
  const field = signatureFields(section).find(({ at }) => unit.signatures?.has(at) !== true);
  if (field === undefined || section?.kind !== 'template') return null;
  const { by, over, at } = field;
  const publicKey = openedKey(by.publicKey, keys);
  const message = renderFor(section, recipe, unit).slice(over.at, over.at + over.size);
  return { at, what: fieldName(field), key: by.key, algorithm: by.algorithm, message, publicKey };
}

function nextInNvs(section: NvsSection, recipe: Recipe, unit: UnitValues, keys: UnitKeys): ToSign | null {
  const next = nvsSignatures(section).find(({ index }) => unit.signatures?.has(index) !== true);
  if (next === undefined) return null;
  const { by } = next.entry;
  const publicKey = openedKey(by.publicKey, keys);
  const message = nvsMessage(next, nvsEntriesFor(section, recipe, unit));
  return { at: next.index, what: nvsName(next), key: by.key, algorithm: by.algorithm, message, publicKey };
}

function nvsName({ namespace, entry }: NvsSignature): string {
  return `${namespace}/${entry.key}`;
}

function openedKey(file: string, keys: UnitKeys): PublicKeyFile {
  const key = keys.get(file);
  if (key === undefined) throw new Error(`${file} was not opened with its release`);
  return key;
}

export function digestToSign({ algorithm, message }: Pick<ToSign, 'algorithm' | 'message'>): string {
  return createHash(SIGNING_ALGORITHMS[algorithm].hash).update(message).digest('hex');
}

/** The unit with this signature in its field, encoded as the recipe has it. */
export function withSignature(recipe: Recipe, unit: UnitValues, { at }: ToSign, signature: Uint8Array): UnitValues {
  const section = recipe.manufacturing;
  const withBytes = (place: number, bytes: Uint8Array) => ({
    ...unit,
    signatures: new Map([...(unit.signatures ?? []), [place, bytes]]),
  });
  if (section?.kind === 'nvs') {
    const found = nvsSignatures(section).find(({ index }) => index === at);
    if (found) return withBytes(found.index, found.entry.encoding === 'der' ? derOf(signature) : signature);
  }
  const field = signatureFields(section).find((each) => each.at === at);
  if (field === undefined) throw new Error(`no signature at ${at}`);
  return withBytes(field.at, encoded(field, signature));
}

/** Of r and s as they are. */
export function derOf(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  return writeDer(TAG.sequence, writeInteger(signature.subarray(0, half)), writeInteger(signature.subarray(half)));
}

function encoded(field: SignatureField, signature: Uint8Array): Uint8Array {
  const bytes = field.encoding === 'der' ? derOf(signature) : signature;
  const isWhole = field.encoding === 'der' ? bytes.length <= field.size : bytes.length === field.size;
  if (!isWhole) throw unsuited(fieldName(field), `the signature has ${bytes.length} bytes, the field ${field.size}`);
  const out = new Uint8Array(field.size).fill(field.pad);
  out.set(bytes);
  return out;
}

/** Whether the release's own key made this. */
export function isSignedBy({ algorithm, message, publicKey: { key } }: ToSign, signature: Uint8Array): boolean {
  const { hash } = SIGNING_ALGORITHMS[algorithm];
  switch (algorithm) {
    case 'ed25519-sha256':
      return verify(null, createHash(hash).update(message).digest(), key, signature);
    case 'rsa-pss-sha256':
      return verify(hash, message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature);
    case 'rsa-pkcs1-sha256':
      return verify(hash, message, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case 'ecdsa-p256-sha256':
    case 'ecdsa-p384-sha384':
      return verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature);
    default:
      return assertNever(algorithm, 'algorithm');
  }
}
