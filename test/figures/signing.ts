import { createHash, randomBytes } from 'node:crypto';
import { realClock } from '#main/app/real-clock.ts';
import { HsmStore } from '#plant/signing/pkcs11/hsm-store.ts';
import { fromHex } from '#shared/base/bytes.ts';
import type { SigningKey } from '#shared/contract/plant/signing-api.ts';
import type { KeyKind, SigningAlgorithm } from '#shared/model/signing.ts';
import { type Credential, PlantUnderTest } from '#test/support/plant-http.ts';
import { SoftHsm } from '#test/support/softhsm.ts';

const SIGNATURES = 300;
const WARM = 20;
const RELEASE = 'c'.repeat(64);
const KINDS: readonly (readonly [KeyKind, SigningAlgorithm])[] = [
  ['ecdsa-p256', 'ecdsa-p256-sha256'],
  ['ed25519', 'ed25519-sha256'],
  ['rsa-3072', 'rsa-pss-sha256'],
];

/** Milliseconds. */
interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * A signature by SoftHSM: over HTTP, from a station's request to its answer, with policy, database (PGlite) and audit entry; and of the
 * key store alone. The server is in this process, so that a round trip has both sides' work in it.
 */
export async function measureSigning(): Promise<object> {
  const hsm = new SoftHsm();
  const plant = await PlantUnderTest.start({ hsm: hsm.settings });
  const store = new HsmStore({ settings: hsm.settings, clock: realClock });
  try {
    const station = await plant.station('L1');
    const figures: Record<string, object> = {};
    for (const [kind, algorithm] of KINDS) {
      const key = await plant.plant.desk.call('key.create', {
        name: kind,
        use: 'digest',
        store: 'hsm',
        from: { kind },
        policy: { enabled: true, releases: [RELEASE], perMinute: 1_000_000, quantity: 1_000_000 },
      });
      figures[kind] = {
        roundTrip: await spread(() => roundTrip(plant, station, key, algorithm)),
        store: await spread(() => signOnly(store, key, algorithm)),
      };
    }
    return figures;
  } finally {
    await store.close();
    await plant.close();
    hsm.remove();
  }
}

async function roundTrip(
  plant: PlantUnderTest,
  station: Credential,
  { name }: SigningKey,
  algorithm: SigningAlgorithm,
) {
  const body = {
    request: randomBytes(16).toString('hex'),
    key: name,
    algorithm,
    digest: createHash('sha256').update(randomBytes(16)).digest('hex'),
    product: 'hello',
    release: RELEASE,
    serial: 'HB000001',
    uid: null,
  };
  const { status } = await plant.call('station.sign', station, { body });
  if (status !== 200) throw new Error(`refused with ${status}`);
}

async function signOnly(store: HsmStore, { reference, publicKey }: SigningKey, algorithm: SigningAlgorithm) {
  await store.sign({ reference, spki: fromHex(publicKey), algorithm, digest: new Uint8Array(randomBytes(32)) });
}

async function spread(work: () => Promise<void>): Promise<Spread> {
  for (let index = 0; index < WARM; index += 1) await work();
  const times: number[] = [];
  for (let index = 0; index < SIGNATURES; index += 1) {
    const since = performance.now();
    await work();
    times.push(performance.now() - since);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.floor(part * (times.length - 1))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
