import { sha256 } from '@noble/hashes/sha2.js';
import { toHex } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { isSimulated, type UnitSignature } from '#shared/model/unit-record.ts';
import type { UnitLog } from '../log/log.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';
import type { Engine } from './engine.ts';
import type { PlantRules } from './plant-rules.ts';
import type { RunRequest } from './run-opening.ts';
import { withUnitSignatures } from './unit-signing.ts';

export interface IdentityServices {
  readonly log: Pick<UnitLog, 'records'>;
  /** None for the bench's units. */
  readonly plant: PlantRules | undefined;
  /** Told at once: a number that was taken is in the record, whatever comes of the run. */
  readonly took: (macs: readonly string[]) => void;
  readonly signed: (signature: UnitSignature) => void;
  /** Real time. */
  readonly now: () => number;
}

/** Records of a unit that are looked through for MACs that it was given before. */
const RECORDS = 50;

/**
 * The engine with this unit's manufacturing partition. Called when the unit was identified and admitted, and before anything is
 * changed.
 */
export async function engineForUnit(
  engine: Engine,
  request: RunRequest,
  uid: string | null,
  services: IdentityServices,
  signal: AbortSignal,
): Promise<Engine> {
  const { recipe } = engine.release;
  const section = recipe.manufacturing;
  if (!section || !engine.forUnit) return engine;
  const { pool, count } = section.macs ?? { pool: '', count: 0 };
  const macs = count === 0 ? [] : await macsOf(request, recipe.product.id, uid, { pool, count }, services);
  const unit: UnitValues = { serial: request.serial, uid, macs, scans: { ...request.scans, ...request.label } };
  const { plant } = services;
  const fromPlant =
    section.kind === 'plant'
      ? await plant?.unitData?.({ command: section.command, product: recipe.product.id, ...unit }, signal)
      : undefined;
  const signing = { ...services, simulated: isSimulated(request) };
  return engine.forUnit(await withUnitSignatures(engine, unit, signing, signal), fromPlant);
}

/**
 * The label says which chip is under it, and it is another one. An ERROR, whoever is at fault: the serial in this record is
 * another unit's, and a FAIL would count against that one. Of a chip that tells no id now (it is locked) nothing is known yet.
 */
export function requireOwnLabel({ label = {} }: Pick<RunRequest, 'label'>, uid: string | null): void {
  if (uid === null) return;
  const { uid: ofLabel, mac } = label;
  if (ofLabel !== undefined && ofLabel !== uid) throw otherUnit('uid', ofLabel, uid);
  // Of chips with a MAC of their own that is their hardware id (a recipe is refused for others).
  if (mac !== undefined && mac.replaceAll(':', '') !== uid) throw otherUnit('MAC', mac, colons(uid));
}

function otherUnit(field: string, label: string, found: string): FlashlineError {
  return new FlashlineError('label-other-unit', { params: { field, label, found } });
}

function colons(hex: string): string {
  return (hex.match(/../gu) ?? []).join(':');
}

interface Wanted {
  readonly pool: string;
  readonly count: number;
}

/** Those that this very unit has already, else new ones of the plant's pool. */
async function macsOf(
  request: RunRequest,
  product: string,
  uid: string | null,
  { pool, count }: Wanted,
  { log, plant, took }: IdentityServices,
): Promise<readonly string[]> {
  const { serial } = request;
  if (isSimulated(request)) {
    const made = benchMacs(serial, count);
    took(made);
    return made;
  }
  const earlier = await log.records({ serial, product, limit: RECORDS });
  // Another board with the same serial must not have the MACs of the first.
  const own = earlier.find(
    (record) => record.uid === uid && !isSimulated(record) && (record.macs?.length ?? 0) >= count,
  );
  if (own?.macs) {
    const kept = own.macs.slice(0, count);
    took(kept);
    return kept;
  }
  if (!plant?.takeMac) throw new FlashlineError('numbers-used-up', { params: { pool } });
  const macs: string[] = [];
  while (macs.length < count) {
    macs.push(await plant.takeMac(pool));
    took(macs);
  }
  return macs;
}

/** Locally administered (IEEE 802, bit 1 of the first byte), the same for the same serial: no real unit's. */
function benchMacs(serial: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = sha256(new TextEncoder().encode(`${serial}/${index}`)).slice(0, 6);
    bytes[0] = 0x02;
    return [...bytes].map((byte) => toHex(Uint8Array.of(byte))).join(':');
  });
}
