import type { RandomBytes } from '#shared/base/clock.ts';
import { macSource } from '#shared/identity/mac-rules.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { isSimulated, type UnitDataNote, type UnitSignature } from '#shared/model/unit-record.ts';
import type { Manufacturing } from '#shared/model/manufacturing.ts';
import { valuesForPlant } from '../release/manufacturing/for-unit.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';
import type { Engine } from './engine.ts';
import type { RunRequest } from './run-opening.ts';
import { type MacServices, macsOf } from './unit-macs.ts';
import { withDeviceCertificate } from './unit-certificate.ts';
import { withUnitSignatures } from './unit-signing.ts';

export interface IdentityServices extends MacServices {
  /** What the recipe's list says of the unit. */
  readonly listed: Readonly<Record<string, string>>;
  readonly signed: (signature: UnitSignature) => void;
  /** What the plant made for it. */
  readonly given: (note: UnitDataNote) => void;
  /** That the unit is made for. */
  readonly order: string | null;
  /** Real time. */
  readonly now: () => number;
  readonly random: RandomBytes;
  /** Of the unit's secure element (Programmer.elementKey); left out where it has none. */
  readonly elementKey?: ((slot: number) => Promise<Uint8Array> | undefined) | undefined;
}

/**
 * The engine with what this unit alone is given: its manufacturing partition, its address to burn. Called when the unit was
 * identified and admitted, and before anything is changed.
 */
export async function engineForUnit(
  engine: Engine,
  request: RunRequest,
  uid: string | null,
  services: IdentityServices,
  signal: AbortSignal,
): Promise<Engine> {
  const { recipe } = engine.release;
  const { manufacturing: section, product } = recipe;
  const scans = { ...request.scans, ...services.listed, ...request.label };
  const source = macSource(recipe);
  const macs = source ? await macsOf({ request, product: product.id, uid, scans }, source, services) : [];
  if (!engine.forUnit) return engine;
  const unit: UnitValues = { serial: request.serial, uid, macs, scans, results: request.results ?? [] };
  const signing = { ...services, simulated: isSimulated(request) };
  // In this order: what is signed, and what the plant makes, may have the certificate in it.
  const certified = await withDeviceCertificate(engine, unit, signing, signal);
  const fromPlant =
    section?.kind === 'plant' ? await madeByPlant(engine, section, certified, services, signal) : undefined;
  return engine.forUnit(await withUnitSignatures(engine, certified, signing, signal), fromPlant);
}

/** Undefined where there is no plant that could make it. */
async function madeByPlant(
  { release: { recipe, digest } }: Engine,
  section: Extract<Manufacturing, { kind: 'plant' }>,
  unit: UnitValues,
  { plant, run, order, given }: IdentityServices,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!plant?.unitData) return undefined;
  const { command, size, fill } = section;
  const { serial, uid, macs } = unit;
  const { id: product, revision } = recipe.product;
  const values = valuesForPlant(section, recipe, unit);
  const who = { command, product, revision, release: digest, serial, uid, macs: [...macs], run, order };
  const { data, note } = await plant.unitData(
    { ...who, values: { ...values }, atLeast: fill === undefined ? size : 1, atMost: size },
    signal,
  );
  given(note);
  return data;
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
