import { createHash } from 'node:crypto';
import { fromHex, toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UnitSignature } from '#shared/model/unit-record.ts';
import {
  certificateFault,
  compressedForm,
  type Issuer,
  unitPublicKey,
} from '../release/manufacturing/device-certificate.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';
import type { Engine } from './engine.ts';
import type { UnitSigning } from './unit-signing.ts';

export interface UnitCertifying extends UnitSigning {
  readonly random: RandomBytes;
  readonly elementKey?: ((slot: number) => Promise<Uint8Array> | undefined) | undefined;
}

interface Issued {
  readonly der: Uint8Array;
  readonly told: Omit<UnitSignature, 'what' | 'key' | 'certificate'>;
}

/**
 * The unit's values with the certificate that the plant issues for its public key, proven by the issuer's certificate in the release.
 * Rejects with what reading the key does, with what the plant refuses or fails with, and with `signing-wrong`.
 */
export async function withDeviceCertificate(
  engine: Engine,
  unit: UnitValues,
  services: UnitCertifying,
  signal: AbortSignal,
): Promise<UnitValues> {
  const { issuer } = engine;
  if (!issuer) return unit;
  const publicKey = await publicKeyOf(issuer, unit, services);
  const { der, told } = services.simulated
    ? await madeUp(issuer, unit, publicKey, services)
    : await issuedByPlant(engine, issuer, unit, publicKey, services, signal);
  const { key } = issuer.section;
  services.signed({ what: 'certificate', key, ...told, certificate: createHash('sha256').update(der).digest('hex') });
  return { ...unit, certificate: { der, compressed: compressedForm(issuer.section, der) } };
}

async function publicKeyOf(
  { section }: Issuer,
  { serial, scans }: UnitValues,
  { elementKey }: UnitCertifying,
): Promise<Uint8Array> {
  const source = section.publicKey;
  const [kind, part = ''] = source.split('.');
  const given =
    kind === 'element' ? await elementKey?.(Number(part)) : Object.hasOwn(scans, part) ? scans[part] : undefined;
  if (given === undefined) throw new FlashlineError('value-missing', { params: { source, serial } });
  return unitPublicKey(source, given);
}

async function issuedByPlant(
  { release }: Engine,
  issuer: Issuer,
  { serial, uid }: UnitValues,
  publicKey: Uint8Array,
  { plant }: UnitCertifying,
  signal: AbortSignal,
): Promise<Issued> {
  const { key, organization, country, years } = issuer.section;
  const { algorithm } = issuer;
  if (!plant?.issue)
    throw new FlashlineError('signing-unavailable', { params: { detail: 'this station has no plant' } });
  const subject = {
    ...(organization === undefined ? {} : { organization }),
    ...(country === undefined ? {} : { country }),
  };
  const order = { key, algorithm, publicKey: toHex(publicKey), subject, years, serial, uid };
  const answer = await plant.issue({ ...order, product: release.recipe.product.id, release: release.digest }, signal);
  const { keyId, signedAt, store, request } = answer;
  const wrong = (detail: string) => new FlashlineError('signing-wrong', { params: { key, detail } });
  if (keyId !== issuer.key.id) throw wrong(`it issues as ${keyId}, and ${issuer.key.file} is ${issuer.key.id}`);
  const der = fromHex(answer.certificate);
  const fault = certificateFault(issuer, der, { serial, publicKey });
  if (fault !== null) throw wrong(`the certificate is not the unit’s: ${fault}`);
  return { der, told: { keyId, algorithm, signedAt, store, request } };
}

/** For a simulated unit: by an issuer that is gone with the call, whose name says what it is. */
async function madeUp(
  { section: { organization, country, years } }: Issuer,
  { serial }: UnitValues,
  publicKey: Uint8Array,
  { now, random }: UnitCertifying,
): Promise<Issued> {
  const [{ makeDeviceCertificate }, { p256 }] = await Promise.all([
    import('#shared/contract/plant/make-certificate.ts'),
    import('@noble/curves/nist.js'),
  ]);
  const secret = p256.utils.randomSecretKey();
  const own = unitPublicKey('bench', p256.getPublicKey(secret, false));
  const at = new Date(now());
  const sign = async (digest: Uint8Array) => p256.sign(digest, secret, { prehash: false });
  const common = { algorithm: 'ecdsa-p256-sha256', now: at, random } as const;
  const root = { issuer: null, publicKey: own, subject: { commonName: 'Bench without a plant 0000' }, years: 0 };
  const issuer = await makeDeviceCertificate({ ...common, ...root }, sign);
  const subject = { commonName: serial, organization, country };
  const der = await makeDeviceCertificate({ ...common, issuer, publicKey, subject, years }, sign);
  const keyId = createHash('sha256').update(own).digest('hex');
  return { der, told: { keyId, algorithm: 'ecdsa-p256-sha256', signedAt: at.toISOString(), store: 'bench' } };
}
