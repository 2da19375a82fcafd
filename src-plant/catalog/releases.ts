import { z } from 'zod';
import { sha256Hex } from '#shared/base/digest.ts';
import { PlantRelease } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { DEFAULT_PROCESS } from '#shared/model/unit-record.ts';
import { openReleasePackage, type ReleasePackage } from '#shared/release/release-package.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn, TimeOrNull } from '../database/columns.ts';
import type { Database, Sql, SqlValue } from '../database/database.ts';
import { type Act, inScope } from './act.ts';

const COLUMNS = `digest, product, revision, version, state, size, sha256, images, uploaded_by, uploaded_at, approved_by,
  approved_at, published_at, withdrawn_by, withdrawn_at, reason`;

const ReleaseRow = z
  .object({
    digest: z.string(),
    product: z.string(),
    revision: z.string(),
    version: z.string(),
    state: PlantRelease.shape.state,
    size: CountColumn,
    sha256: z.string(),
    images: PlantRelease.shape.images,
    uploaded_by: z.string(),
    uploaded_at: TimeColumn,
    approved_by: z.string().nullable(),
    approved_at: TimeOrNull,
    published_at: TimeOrNull,
    withdrawn_by: z.string().nullable(),
    withdrawn_at: TimeOrNull,
    reason: z.string().nullable(),
  })
  .transform((row): PlantRelease => ({
    digest: row.digest,
    product: row.product,
    revision: row.revision,
    version: row.version,
    state: row.state,
    size: row.size,
    sha256: row.sha256,
    images: row.images,
    uploadedBy: row.uploaded_by,
    uploadedAt: row.uploaded_at,
    approvedBy: row.approved_by,
    approvedAt: row.approved_at,
    publishedAt: row.published_at,
    withdrawnBy: row.withdrawn_by,
    withdrawnAt: row.withdrawn_at,
    reason: row.reason,
  }));

/** Newest first. */
export async function listReleases(sql: Sql, scope: readonly string[] | null): Promise<PlantRelease[]> {
  const text = `SELECT ${COLUMNS} FROM releases WHERE ${inScope('product', '$1')} ORDER BY uploaded_at DESC, digest LIMIT 1000`;
  return z.array(ReleaseRow).parse(await sql.query(text, [scope]));
}

/**
 * Takes a package in. The same release again, zipped anew or not, is the release that is there already, whatever became of
 * it. Rejects with `package-invalid`, `recipe-invalid`, or `not-found` for a product out of scope.
 */
export async function uploadRelease(database: Database, bytes: Uint8Array, act: Act): Promise<PlantRelease> {
  const opened = await openReleasePackage('release.zip', bytes);
  const product = opened.recipe.product.id;
  if (act.scope !== null && !act.scope.includes(product))
    throw new FlashlineError('not-found', { params: { what: `product ${product}` } });
  return database.transaction(async (sql) => {
    const inserted = await insertRelease(sql, opened, bytes, act);
    if (inserted === undefined) return releaseOf(sql, opened.digest, act.scope);
    await sql.query('INSERT INTO packages (digest, bytes) VALUES ($1, $2)', [opened.digest, bytes]);
    const detail = { product, version: inserted.version, sha256: inserted.sha256 };
    await audit(sql, { at: act.now, who: act.who, action: 'release.upload', object: opened.digest, detail });
    return inserted;
  });
}

async function insertRelease(
  sql: Sql,
  { recipe, digest, images }: ReleasePackage,
  bytes: Uint8Array,
  { who, now }: Act,
): Promise<PlantRelease | undefined> {
  const listed = images.map(({ role, version, file, sha256 }) => ({ role, version, file, sha256 }));
  // What people call the release by: the application's version, where there is one.
  const version = (images.find(({ role }) => role === 'application') ?? images[0])?.version ?? '';
  const rows = await sql.query(
    `INSERT INTO releases (digest, product, revision, version, process, state, size, sha256, images, uploaded_by, uploaded_at)
     VALUES ($1, $2, $3, $4, $5, 'uploaded', $6, $7, $8::jsonb, $9, $10)
     ON CONFLICT (digest) DO NOTHING RETURNING ${COLUMNS}`,
    [
      digest,
      recipe.product.id,
      recipe.product.revision,
      version,
      recipe.route?.step ?? DEFAULT_PROCESS,
      bytes.length,
      sha256Hex(bytes),
      JSON.stringify(listed),
      who,
      now,
    ],
  );
  return z.array(ReleaseRow).parse(rows)[0];
}

/** By somebody else than who uploaded it, else `second-person`. */
export function approveRelease(database: Database, digest: string, act: Act): Promise<PlantRelease> {
  const step = {
    action: 'release.approve',
    from: ['uploaded'],
    set: "state = 'approved', approved_by = $2, approved_at = $3",
    also: 'uploaded_by <> $2',
  } as const;
  return move(database, digest, step, act);
}

export function publishRelease(database: Database, digest: string, act: Act): Promise<PlantRelease> {
  const step = {
    action: 'release.publish',
    from: ['approved'],
    set: "state = 'published', published_by = $2, published_at = $3",
  } as const;
  return move(database, digest, step, act);
}

/** For good, from whichever state. */
export function withdrawRelease(database: Database, digest: string, reason: string, act: Act): Promise<PlantRelease> {
  const step = {
    action: 'release.withdraw',
    from: ['uploaded', 'approved', 'published'],
    set: "state = 'withdrawn', withdrawn_by = $2, withdrawn_at = $3, reason = $6",
    reason,
  } as const;
  return move(database, digest, step, act);
}

type State = PlantRelease['state'];

interface Step {
  readonly action: string;
  readonly from: readonly State[];
  /** `$2` is who, `$3` is when, `$6` is the reason. */
  readonly set: string;
  readonly also?: string;
  readonly reason?: string;
}

/** The state that it must be in stands in the statement that changes it: of two people at once, one is told so. */
async function move(database: Database, digest: string, step: Step, act: Act): Promise<PlantRelease> {
  const { who, now, scope } = act;
  return database.transaction(async (sql) => {
    const values: SqlValue[] = [digest, who, now, step.from, scope];
    if (step.reason !== undefined) values.push(step.reason);
    const rows = await sql.query(
      `UPDATE releases SET ${step.set}
       WHERE digest = $1 AND state = ANY ($4::text[]) AND ${inScope('product', '$5')} AND ${step.also ?? 'true'}
       RETURNING ${COLUMNS}`,
      values,
    );
    const [moved] = z.array(ReleaseRow).parse(rows);
    if (moved === undefined) throw refusal(await releaseOf(sql, digest, scope), step);
    const detail = { product: moved.product, version: moved.version, ...(step.reason && { reason: step.reason }) };
    await audit(sql, { at: now, who, action: step.action, object: digest, detail });
    return moved;
  });
}

function refusal(release: PlantRelease, { from }: Step): FlashlineError {
  if (from.includes(release.state)) return new FlashlineError('second-person');
  const detail = `the release is ${release.state}, not ${from.join(' or ')}`;
  return new FlashlineError('state-conflict', { params: { detail } });
}

async function releaseOf(sql: Sql, digest: string, scope: readonly string[] | null): Promise<PlantRelease> {
  const text = `SELECT ${COLUMNS} FROM releases WHERE digest = $1 AND ${inScope('product', '$2')}`;
  const [release] = z.array(ReleaseRow).parse(await sql.query(text, [digest, scope]));
  if (release === undefined) throw new FlashlineError('not-found', { params: { what: `release ${digest}` } });
  return release;
}

const PackageRow = z.object({ state: PlantRelease.shape.state, bytes: z.instanceof(Uint8Array).nullable() });

/** For a station, and only while it is published: else `release-withdrawn`, or `not-found` for what is not out yet. */
export async function packageOf(sql: Sql, digest: string): Promise<Uint8Array> {
  const text = `
    SELECT r.state, p.bytes FROM releases r
    LEFT JOIN packages p ON p.digest = r.digest AND r.state = 'published' WHERE r.digest = $1`;
  const [row] = z.array(PackageRow).parse(await sql.query(text, [digest]));
  if (row?.state === 'withdrawn') throw new FlashlineError('release-withdrawn', { params: { release: digest } });
  if (!row?.bytes) throw new FlashlineError('not-found', { params: { what: `a published release ${digest}` } });
  return row.bytes;
}
