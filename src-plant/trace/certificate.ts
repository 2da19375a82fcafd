import { z } from 'zod';
import type { Signer } from '#shared/base/signer.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { Certificate } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { UnitRecord } from '#shared/model/unit-record.ts';
import type { Sql } from '../database/database.ts';

export interface Issuer {
  /** The plant's name. */
  readonly name: string;
  readonly signer: Signer;
}

export interface CertifiedUnit {
  readonly product: string;
  readonly serial: string;
  readonly now: Date;
}

export interface SignedCertificate {
  readonly certificate: Certificate;
  readonly jws: string;
}

const NEWEST_PASS = `
  SELECT r.body, c.genesis FROM units u
  JOIN records r ON r.serial = u.serial AND r.finished_at = u.pass_at AND r.hash = u.pass_hash
  JOIN chains c ON c.id = r.chain
  WHERE u.serial = $1 AND u.product = $2 AND u.pass_at IS NOT NULL
  ORDER BY u.pass_at DESC, u.pass_hash DESC LIMIT 1`;

/** Runs that did not pass and finished after the unit's newest PASS, newest first. */
const RUNS_SINCE = `
  SELECT r.body FROM records r
  WHERE r.serial = $1 AND r.product = $2 AND r.verdict <> 'PASS'
    AND r.finished_at > (SELECT max(pass_at) FROM units WHERE serial = $1 AND product = $2)
    AND r.finished_at <= (SELECT max(last_at) FROM units WHERE serial = $1 AND product = $2)
  ORDER BY r.finished_at DESC LIMIT 500`;

const PassRow = z.object({ body: z.string(), genesis: z.string() });
const BodyRow = z.object({ body: z.string() });

/** What is on the unit now, signed. Rejects as `provenContent` does. */
export async function certifyUnit(sql: Sql, issuer: Issuer, unit: CertifiedUnit): Promise<SignedCertificate> {
  const certificate = await provenContent(sql, issuer.name, unit);
  return { certificate, jws: await issuer.signer.sign(certificate, STATEMENTS.certificate) };
}

/**
 * What is on the unit now, by its newest PASS. Rejects with `not-found` for a unit that never passed, and with
 * `state-conflict` where a later run that did not pass changed it: what it carries since then, nobody has proven.
 */
export async function provenContent(sql: Sql, plant: string, unit: CertifiedUnit): Promise<Certificate> {
  const key = [unit.serial, unit.product];
  const [row] = z.array(PassRow).parse(await sql.query(NEWEST_PASS, key, 'certificate-pass'));
  if (row === undefined)
    throw new FlashlineError('not-found', { params: { what: `a PASS of ${unit.product} ${unit.serial}` } });
  const since = z.array(BodyRow).parse(await sql.query(RUNS_SINCE, key, 'certificate-since'));
  const changed = since.map(({ body }) => recordOf(body)).find(mayHaveChanged);
  if (changed !== undefined) {
    const detail = `${unit.serial} was changed after its last PASS, by a run that ended with ${changed.verdict} on ${changed.finishedAt}`;
    throw new FlashlineError('state-conflict', { params: { detail } });
  }
  return certificateOf(recordOf(row.body), plant, row.genesis, unit.now);
}

export function recordOf(body: string): UnitRecord {
  return UnitRecord.parse(JSON.parse(body));
}

/** The steps in which something of the unit is erased or written (model/run-event.ts). */
const CHANGING = new Set(['unlock', 'invalidate', 'erase', 'program', 'validate', 'lock']);

/** A run whose process died tells only the steps that it had finished: past connecting, it may have been in any. */
function mayHaveChanged({ verdict, bytesWritten, steps, failure }: UnitRecord): boolean {
  const begun = [...steps.map(({ step }) => step), failure?.where.step ?? ''];
  if (verdict === 'INTERRUPTED') return begun.some((step) => step !== '' && step !== 'connect');
  return bytesWritten > 0 || begun.some((step) => CHANGING.has(step));
}

/** `chain`: the hash of its first record. */
export function certificateOf(record: UnitRecord, plant: string, chain: string, now: Date): Certificate {
  return {
    plant,
    serial: record.serial,
    uid: record.uid,
    product: record.product,
    chip: record.chip,
    release: record.release,
    images: record.images.map(({ role, version, size, sha256 }) => ({
      role,
      version,
      size,
      // A PASS has read back what was expected; what was read is what is on the unit.
      sha256: sha256.readBack ?? sha256.expected,
    })),
    signingKeys: record.signingKeys,
    locks: record.locks,
    station: record.station,
    finishedAt: new Date(record.finishedAt).toISOString(),
    record: { sequence: record.sequence, hash: record.hash, chain },
    issuedAt: now.toISOString(),
  };
}
