import type { Clock } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { isPlantKey, isTlsKey, readEnrolmentCode } from '#shared/contract/plant/enrolment-code.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Enrolment } from '../log/plant-store.ts';
import { PlantClient } from './plant-client.ts';
import { openPlantPool, plantOrigin, tlsKeyDigest } from './plant-transport.ts';

export interface EnrolmentRequest {
  readonly url: string;
  readonly code: string;
  readonly appVersion: string;
}

/**
 * Binds this station's key to a name at the plant that the code is of. The code's secret is sent only to a server that has the
 * TLS key and says that it has the plant key that the code names. Rejects with `enrolment-refused`, `plant-untrusted`,
 * `plant-unreachable`, `plant-protocol` or `usage`.
 */
export async function enrolAtPlant(
  { url, code, appVersion }: EnrolmentRequest,
  signer: Signer,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Enrolment> {
  const wanted = readEnrolmentCode(code.trim());
  const origin = plantOrigin(url);
  let tlsKey: string | null = null;
  const pinned = (spki: Uint8Array) => {
    tlsKey = tlsKeyDigest(spki);
    return isTlsKey(wanted, spki);
  };
  const pool = openPlantPool(origin, wanted.tlsKey === null ? null : pinned);
  const client = new PlantClient({ origin, pool, clock });
  try {
    const { publicKey } = await client.call('plant.about', {}, { signal });
    if (!isPlantKey(wanted, publicKey)) throw untrusted('it is another plant than the one that gave out the code');
    const body = { code: code.trim(), publicKey: { ...signer.publicKey }, appVersion };
    const { station, plant } = await client.call('station.enrol', { body }, { signal });
    if (!isPlantKey(wanted, plant.publicKey)) throw untrusted('it changed its key while it was asked');
    return { url: origin, plant, station, tlsKey, enrolledAt: new Date(clock.now()).toISOString() };
  } finally {
    await client.close();
  }
}

function untrusted(detail: string): FlashlineError {
  return new FlashlineError('plant-untrusted', { params: { detail } });
}
