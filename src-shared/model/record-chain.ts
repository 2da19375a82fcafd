import { sha256Hex } from '../base/digest.ts';
import { GENESIS_HASH, type RecordDraft, UnitRecord } from './unit-record.ts';

/**
 * JSON in one form only, so that equal records have equal hashes (the scheme of RFC 8785): keys sorted by UTF-16
 * code units, no white space, strings and numbers as ECMAScript's JSON.stringify writes them, absent and undefined
 * members alike left out. Throws TypeError on what JSON has no form for (NaN, Infinity, functions, symbols, bigints).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no form in JSON`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`${typeof value} has no form in JSON`);
}

/** The SHA-256 of a record's canonical JSON without its own `hash`. */
export function recordHash(record: Omit<UnitRecord, 'hash'>): string {
  const { hash: _, ...hashed } = { hash: '', ...record };
  return sha256Hex(new TextEncoder().encode(canonicalJson(hashed)));
}

/** Gives a draft its place in the chain after `previous` (null: the chain's first). */
export function sealRecord(draft: RecordDraft, previous: Pick<UnitRecord, 'sequence' | 'hash'> | null): UnitRecord {
  const placed = { ...draft, sequence: (previous?.sequence ?? 0) + 1, previousHash: previous?.hash ?? GENESIS_HASH };
  return { ...placed, hash: recordHash(placed) };
}

/** What is wrong with the next record of a chain, in words for an engineer; null when it fits. */
export function chainFault(body: string, previous: Pick<UnitRecord, 'sequence' | 'hash'> | null): string | null {
  const sequence = (previous?.sequence ?? 0) + 1;
  const parsed = parseRecord(body);
  if (typeof parsed === 'string') return `record ${sequence}: ${parsed}`;
  if (parsed.sequence !== sequence) return `record ${sequence} is missing: ${parsed.sequence} stands in its place`;
  const wanted = previous?.hash ?? GENESIS_HASH;
  if (parsed.previousHash !== wanted)
    return `record ${sequence} follows a record with hash ${parsed.previousHash}, but the one before it has ${wanted}`;
  const hash = recordHash(parsed);
  if (parsed.hash !== hash) return `record ${sequence} was changed: its hash is ${hash}, it says ${parsed.hash}`;
  return null;
}

function parseRecord(body: string): UnitRecord | string {
  try {
    const parsed = UnitRecord.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : `not a record: ${parsed.error.issues[0]?.message ?? 'unknown'}`;
  } catch (thrown) {
    return `not JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}
