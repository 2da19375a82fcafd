import { sha256Hex } from '../base/digest.ts';
import { GENESIS_HASH, type RecordDraft, UnitRecord } from './unit-record.ts';

/**
 * JSON in one form only, so that equal records have equal hashes (the scheme of RFC 8785): keys sorted by UTF-16
 * code units, no white space, strings and numbers as ECMAScript's JSON.stringify writes them, absent and undefined
 * members alike left out. Throws TypeError on what JSON has no form for (NaN, Infinity, functions, symbols, bigints).
 */
export function canonicalJson(value: unknown): string {
  return isInOrder(value) ? JSON.stringify(value) : writeInOrder(value);
}

/** What was canonical JSON when it was read still is in order: then one call of JSON.stringify writes it, ten times as fast. */
function isInOrder(value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isInOrder);
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return false;
  let before = '';
  for (const name of Object.keys(value)) {
    if (name < before || name === 'toJSON' || !isInOrder(Reflect.get(value, name))) return false;
    before = name;
  }
  return true;
}

function writeInOrder(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no form in JSON`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => writeInOrder(item)).join(',')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${writeInOrder(member)}`);
    return `{${members.join(',')}}`;
  }
  throw new TypeError(`${typeof value} has no form in JSON`);
}

/**
 * A record's canonical JSON, and the part of it that its hash covers: every member but `hash` itself, also those that this
 * version does not know: a record from a newer station keeps its hash wherever it is looked at.
 */
export function recordTexts(record: object): { readonly body: string; readonly hashed: string } {
  if (isInOrder(record)) {
    const body = JSON.stringify(record);
    const cut = withoutHash(body, Reflect.get(record, 'hash'));
    if (cut !== null) return { body, hashed: cut };
  }
  const { hash: _, ...hashed } = { hash: '', ...record };
  return { body: canonicalJson(record), hashed: canonicalJson(hashed) };
}

/**
 * Canonical JSON is not written a second time only to leave out one member. Null where that member's text is in it more than once, as
 * then it cannot be told from one that stands deeper. Inside of strings it never is: there its quotes have backslashes.
 */
function withoutHash(body: string, hash: unknown): string | null {
  if (typeof hash !== 'string') return null;
  const member = `"hash":${JSON.stringify(hash)}`;
  const at = body.indexOf(member);
  const end = at + member.length;
  if (at === -1 || body.indexOf(member, end) !== -1 || body[end] !== ',') return null;
  return body.slice(0, at) + body.slice(end + 1);
}

/** The SHA-256 of what a record's hash covers. */
export function recordHash(record: object): string {
  return sha256Hex(new TextEncoder().encode(recordTexts(record).hashed));
}

/** Gives a draft its place in the chain after `previous` (null: the chain's first). */
export function sealRecord(draft: RecordDraft, previous: Pick<UnitRecord, 'sequence' | 'hash'> | null): UnitRecord {
  const placed = { ...draft, sequence: (previous?.sequence ?? 0) + 1, previousHash: previous?.hash ?? GENESIS_HASH };
  return { ...placed, hash: recordHash(placed) };
}

/** What is wrong with the next record of a chain, in words for an engineer; null when it fits. */
export function chainFault(body: string, previous: Pick<UnitRecord, 'sequence' | 'hash'> | null): string | null {
  const sequence = (previous?.sequence ?? 0) + 1;
  const read = parseBody(body);
  if (typeof read === 'string') return `record ${sequence}: ${read}`;
  const { record: parsed, raw } = read;
  if (parsed.sequence !== sequence) return `record ${sequence} is missing: ${parsed.sequence} stands in its place`;
  const wanted = previous?.hash ?? GENESIS_HASH;
  if (parsed.previousHash !== wanted)
    return `record ${sequence} follows a record with hash ${parsed.previousHash}, but the one before it has ${wanted}`;
  const hash = recordHash(raw);
  if (parsed.hash !== hash) return `record ${sequence} was changed: its hash is ${hash}, it says ${parsed.hash}`;
  return null;
}

export interface ReadRecord {
  readonly record: UnitRecord;
  /** With the members that this version does not know. */
  readonly raw: object;
}

/** Anything as a record; what is wrong with it, in words for an engineer, when it is none. */
export function readRecord(raw: unknown): ReadRecord | string {
  const parsed = UnitRecord.safeParse(raw);
  if (parsed.success && typeof raw === 'object' && raw !== null) return { record: parsed.data, raw };
  const issue = parsed.error?.issues[0];
  return `not a record: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'unknown'}`;
}

function parseBody(body: string): ReadRecord | string {
  try {
    return readRecord(JSON.parse(body));
  } catch (thrown) {
    return `not JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}
