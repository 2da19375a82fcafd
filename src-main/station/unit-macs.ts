import { sha256 } from '@noble/hashes/sha2.js';
import { macCount } from '#shared/identity/mac-rules.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { isGroupMac, macAddress, macNumber, macOfNumber } from '#shared/model/mac-address.ts';
import type { MacSource } from '#shared/model/numbers.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import type { NumberBook, UnitLog } from '../log/log.ts';
import { sourceName } from './next-serial.ts';
import type { PlantRules } from './plant-rules.ts';
import type { RunRequest } from './run-opening.ts';

export interface MacServices {
  readonly log: Pick<UnitLog, 'records'>;
  readonly numbers: NumberBook | undefined;
  /** None for the bench's units. */
  readonly plant: PlantRules | undefined;
  /** Asks the plant about addresses that are not its own; rejects with `mac-elsewhere`. */
  readonly askPlant: (macs: readonly string[]) => Promise<void>;
  /** Which run takes them, and when (UTC, ISO 8601). */
  readonly run: string;
  readonly at: string;
  /** Told at once: a number that was taken is in the record, whatever comes of the run. */
  readonly took: (macs: readonly string[]) => void;
}

export interface MacUnit {
  readonly request: RunRequest;
  readonly product: string;
  readonly uid: string | null;
  readonly scans: Readonly<Record<string, string>>;
}

/** Records of a unit that are looked through for MACs that it was given before. */
const RECORDS = 50;
/** Records of one address: it has one unit, and that a few runs. */
const OF_ADDRESS = 20;

/** Those that this very unit has already, else new ones. Rejects with `numbers-used-up`, `counter-used-up`, `value-missing`, `mac-duplicate`, `mac-elsewhere`. */
export async function macsOf(unit: MacUnit, source: MacSource, services: MacServices): Promise<readonly string[]> {
  const macs = await given(unit, source, services);
  for (const mac of macs) await requireAlone(mac, unit, services);
  if (!('pool' in source)) await services.askPlant(macs);
  return macs;
}

async function given(unit: MacUnit, source: MacSource, services: MacServices): Promise<readonly string[]> {
  const { request, product, uid } = unit;
  const { took, log } = services;
  if ('from' in source) return told(took, [scannedMac(source.from, unit)]);
  const { count, step } = source;
  if (isSimulated(request)) return told(took, benchMacs(request.serial, count, step));
  const earlier = await log.records({ serial: request.serial, product, limit: RECORDS });
  // Another board with the same serial must not have the MACs of the first.
  const own = earlier.find(
    (record) => record.uid === uid && !isSimulated(record) && (record.macs?.length ?? 0) >= count,
  );
  if (own?.macs) return told(took, own.macs.slice(0, count));
  const macs: string[] = [];
  while (macs.length < macCount(source)) {
    macs.push('pool' in source ? await ofPool(source, services) : await ofCounter(source, services));
    took(macs);
  }
  return macs;
}

function told(took: MacServices['took'], macs: readonly string[]): readonly string[] {
  took(macs);
  return macs;
}

async function ofPool(
  { pool, step }: Extract<MacSource, { pool: string }>,
  { plant, run, at }: MacServices,
): Promise<string> {
  if (!plant?.takeMac) throw new FlashlineError('numbers-used-up', { params: { pool } });
  return plant.takeMac(pool, { size: step, run, at });
}

async function ofCounter(
  { counter, first, last, step }: Extract<MacSource, { counter: string }>,
  { numbers, run, at }: MacServices,
): Promise<string> {
  const source = sourceName('mac', counter, false);
  const end = macNumber(last);
  for (;;) {
    const next = Math.max(macNumber(first), (await numbers?.next(source)) ?? 0);
    const number = Math.ceil(next / step) * step;
    if (!numbers || number + step - 1 > end) throw new FlashlineError('counter-used-up', { params: { counter, last } });
    const text = macOfNumber(number);
    if ((await numbers.take({ source, number, size: step, text, run, at, last: end })) === 'taken') return text;
  }
}

function scannedMac(from: string, { request, scans }: MacUnit): string {
  const name = from.slice('scan.'.length);
  const text = Object.hasOwn(scans, name) ? scans[name] : undefined;
  if (text === undefined)
    throw new FlashlineError('value-missing', { params: { source: from, serial: request.serial } });
  const mac = macAddress(text);
  if (mac !== undefined && !isGroupMac(mac)) return mac;
  const detail = mac === undefined ? `${JSON.stringify(text)} is no MAC address` : `${mac} is a group address`;
  throw new FlashlineError('value-unsuited', { params: { field: from, detail } });
}

/** An address that passed on another unit is not given to this one, rework or not. */
async function requireAlone(mac: string, { request, uid }: MacUnit, { log }: MacServices): Promise<void> {
  const simulated = isSimulated(request);
  const passed = await log.records({ facet: { kind: 'mac', value: mac }, verdict: 'PASS', limit: OF_ADDRESS });
  const other = passed.find(
    (record) => isSimulated(record) === simulated && (record.serial !== request.serial || record.uid !== uid),
  );
  if (!other) return;
  const { serial, finishedAt: when } = other;
  throw new FlashlineError('mac-duplicate', { params: { mac, serial, when } });
}

/** Locally administered (IEEE 802, bit 1 of the first byte), the same for the same serial: no real unit's. */
function benchMacs(serial: string, count: number, step: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = sha256(new TextEncoder().encode(`${serial}/${index}`)).slice(0, 6);
    bytes[0] = 0x02;
    const number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    return macOfNumber(number - (number % step));
  });
}
