import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { fromHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { SIGNING_ALGORITHMS } from '#shared/model/signing.ts';
import type { UnitSignature } from '#shared/model/unit-record.ts';
import type { PublicKeyFile } from '../release/signature/public-key.ts';
import { digestToSign, isSignedBy, type ToSign } from '../release/manufacturing/to-sign.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';
import type { Engine } from './engine.ts';
import type { PlantRules } from './plant-rules.ts';

export interface UnitSigning {
  /** None for the bench's units. */
  readonly plant: PlantRules | undefined;
  readonly simulated: boolean;
  /** Real time: when a bench's signature was made up. */
  readonly now: () => number;
  /** Told at once: what was signed is in the record, whatever comes of the run. */
  readonly signed: (signature: UnitSignature) => void;
}

interface Signed {
  readonly signature: Uint8Array;
  /** By which it verifies. */
  readonly publicKey: PublicKeyFile;
  readonly told: Omit<UnitSignature, 'what' | 'key' | 'algorithm'>;
}

/**
 * The unit's values with every signature, of its partition and of its images, that its recipe has the plant make, each proven by the release's own public key. Called before
 * anything is changed. Rejects with what the plant refuses or fails with, and with `signing-wrong`.
 */
export async function withUnitSignatures(
  engine: Engine,
  unit: UnitValues,
  services: UnitSigning,
  signal: AbortSignal,
): Promise<UnitValues> {
  let made = unit;
  for (let next = engine.nextToSign?.(made); next; next = engine.nextToSign?.(made)) {
    signal.throwIfAborted();
    const { signature, publicKey, told } = services.simulated
      ? madeUp(next, services.now())
      : await signedByPlant(engine, next, unit, services, signal);
    const { what, key, algorithm } = next;
    services.signed({ what, key, algorithm, ...told });
    if (!engine.withSignature) throw new Error('an engine that has something signed takes no signature');
    made = engine.withSignature(made, { ...next, publicKey }, signature);
  }
  return made;
}

async function signedByPlant(
  { release }: Engine,
  next: ToSign,
  { serial, uid }: UnitValues,
  { plant }: UnitSigning,
  signal: AbortSignal,
): Promise<Signed> {
  const { key, algorithm, publicKey } = next;
  if (!plant?.sign)
    throw new FlashlineError('signing-unavailable', { params: { detail: 'this station has no plant' } });
  const order = {
    key,
    algorithm,
    digest: digestToSign(next),
    product: release.recipe.product.id,
    release: release.digest,
  };
  const answer = await plant.sign({ ...order, serial, uid }, signal);
  const { keyId, signedAt, store, request } = answer;
  const wrong = (detail: string) => new FlashlineError('signing-wrong', { params: { key, detail } });
  if (keyId !== publicKey.id) throw wrong(`it signs as ${keyId}, and ${publicKey.file} is ${publicKey.id}`);
  const signature = fromHex(answer.signature);
  if (!isSignedBy(next, signature)) throw wrong(`the signature does not verify by ${publicKey.file}`);
  return { signature, publicKey, told: { keyId, signedAt, store, request } };
}

/** For a simulated unit: by a key that is gone with the call, so that nothing of it can be taken for a plant's. */
function madeUp({ algorithm, message, publicKey }: ToSign, nowMs: number): Signed {
  const { kind } = publicKey;
  const { privateKey, publicKey: made } =
    kind === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : kind === 'ecdsa-p256' || kind === 'ecdsa-p384'
        ? generateKeyPairSync('ec', { namedCurve: kind === 'ecdsa-p256' ? 'P-256' : 'P-384' })
        : generateKeyPairSync('rsa', { modulusLength: kind === 'rsa-2048' ? 2048 : 3072 });
  const { hash } = SIGNING_ALGORITHMS[algorithm];
  const padding = algorithm === 'rsa-pss-sha256' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const digest = createHash(hash).update(message).digest();
  const signature =
    kind === 'ed25519'
      ? sign(null, digest, privateKey)
      : kind.startsWith('rsa')
        ? sign(hash, message, {
            key: privateKey,
            padding,
            ...(algorithm === 'rsa-pss-sha256' ? { saltLength: 32 } : {}),
          })
        : sign(hash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const id = createHash('sha256')
    .update(made.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  const told = { keyId: id, signedAt: new Date(nowMs).toISOString(), store: 'bench' } as const;
  const own = { file: 'the bench’s key', key: made, kind, id };
  return { signature: new Uint8Array(signature), publicKey: own, told };
}
