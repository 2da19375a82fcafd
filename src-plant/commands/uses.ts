import { createHash } from 'node:crypto';
import { z } from 'zod';
import { askedDigest, CommandUse, type UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { canonicalJson } from '#shared/model/record-chain.ts';
import { audit } from '../audit/audit.ts';
import { CountColumn, TimeColumn, TimeOrNull } from '../database/columns.ts';
import type { Sql } from '../database/database.ts';
import { policyRefusal } from '../signing/policy.ts';
import type { CommandSettings } from './commands-file.ts';

export interface UseAct {
  readonly station: string;
  readonly now: Date;
}

export interface Given {
  readonly use: string;
  /** Null once it is not kept any more. */
  readonly data: Uint8Array | null;
  readonly sha256: string;
  readonly size: number;
  readonly madeAt: string;
  /** Made for an earlier request of this unit. */
  readonly again: boolean;
}

/** What a request comes upon. */
export type Found =
  | ({ readonly is: 'given' } & Given)
  /** This request had its answer: it failed. */
  | { readonly is: 'failed'; readonly detail: string }
  | { readonly is: 'refused'; readonly reason: string }
  /** Somebody makes it. */
  | { readonly is: 'at-work'; readonly use: string }
  /** Nobody does, and it may be begun. */
  | { readonly is: 'free' }
  /** It was begun by this look: whoever looked runs the program now. */
  | { readonly is: 'begun'; readonly use: string };

export interface Look {
  readonly command: CommandSettings;
  readonly asked: UnitDataRequest;
  readonly act: UseAct;
  /** The use's id when it is to be begun; null where there is no place for it now. */
  readonly begin: string | null;
  /** Whether this process is at work with a use. */
  readonly isHere: (use: string) => boolean;
}

/** Longer than the program may run, so that nobody takes a use for lost that somebody is about to keep. */
const HOLD_MS = 10_000;
const MINUTE_MS = 60_000;

const Row = z.object({
  use: z.string(),
  live: z.boolean(),
  state: CommandUse.shape.state,
  brought: z.string(),
  station: z.string(),
  request: z.string(),
  begun_at: z.date(),
  held_until: z.date(),
  ended_at: TimeOrNull,
  detail: z.string().nullable(),
  sha256: z.string().nullable(),
  size: z.number().nullable(),
  data: z.instanceof(Uint8Array).nullable(),
});
type Row = z.infer<typeof Row>;
const COLUMNS = `u.use, u.live, u.state, u.brought, u.station, u.request, u.begun_at, u.held_until, u.ended_at, u.detail, u.sha256, u.size,
  u.data`;

/** Of what has one use only, and of what the unit brings to it. */
export function unitOf({ again, name }: CommandSettings, asked: UnitDataRequest, station: string): string {
  const { product, release, serial, uid, request } = asked;
  return digest(again === 'new' ? [name, station, request] : [name, product, release, serial, uid]);
}

function broughtBy({ revision, macs, values, atLeast, atMost }: UnitDataRequest): string {
  return digest([revision, macs, values, atLeast, atMost]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/**
 * What a request comes upon, in a transaction that holds the command's row: requests for one command take turns for as long as this
 * takes. Rejects with `plant-command-refused` and `too-many-requests`.
 */
export async function look(sql: Sql, given: Look): Promise<Found> {
  const { command, asked, act } = given;
  const count = await lockCommand(sql, command.name);
  const [own] = await sql.query(
    `SELECT r.asked, ${COLUMNS} FROM command_requests r JOIN command_uses u ON u.use = r.use WHERE r.station = $1 AND r.request = $2`,
    [act.station, asked.request],
  );
  if (own !== undefined) {
    if (own['asked'] !== askedDigest(asked))
      throw refused(command.name, `request ${asked.request} was for something else`);
    return ofOwnRequest(sql, given, Row.parse(own));
  }
  const unit = unitOf(command, asked, act.station);
  const [live] = await sql.query(`SELECT ${COLUMNS} FROM command_uses u WHERE u.unit = $1 AND u.live`, [unit]);
  if (live !== undefined) return ofUnit(sql, given, Row.parse(live));
  await requirePolicy(sql, given, count + (await openUses(sql, command.name)));
  await requireRate(sql, given);
  if (given.begin === null) return { is: 'free' };
  const { product, release, serial, uid, request } = asked;
  await sql.query(
    `INSERT INTO command_uses (use, command, unit, state, product, release, serial, uid, brought, station, request, begun_at, held_until)
     VALUES ($1, $2, $3, 'begun', $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      given.begin,
      command.name,
      unit,
      product,
      release,
      serial,
      uid,
      broughtBy(asked),
      act.station,
      request,
      act.now,
      heldFrom(given),
    ],
  );
  await link(sql, given, given.begin);
  return { is: 'begun', use: given.begin };
}

/** The same request has the same answer. */
async function ofOwnRequest(sql: Sql, given: Look, row: Row): Promise<Found> {
  if (row.state === 'given') return { is: 'given', ...givenOf(row, given) };
  if (row.state === 'begun') return ofUnknownEnd(sql, given, row);
  return { is: 'failed', detail: row.detail ?? row.state };
}

/** Another run of a unit that has a use already. */
async function ofUnit(sql: Sql, given: Look, row: Row): Promise<Found> {
  const { command, asked, act } = given;
  if (row.state !== 'given') return ofUnknownEnd(sql, given, row);
  const { ended_at: at } = row;
  if (command.again === 'refuse')
    return { is: 'refused', reason: `it was given this at station ${row.station}, ${at ?? ''}, and has it only once` };
  if (row.brought !== broughtBy(asked))
    return { is: 'refused', reason: `what it was given ${at ?? ''} was made for other values of it` };
  await requirePolicy(sql, given, 0);
  await link(sql, given, row.use);
  const found = givenOf(row, given);
  const detail = { ...auditDetail(asked, row.use), sha256: found.sha256, size: String(found.size) };
  await audit(sql, { at: act.now, who: act.station, action: 'command.again', object: command.name, detail });
  return { is: 'given', ...found };
}

/** Begun, and perhaps nobody is at work with it any more; or lost before. */
async function ofUnknownEnd(sql: Sql, given: Look, row: Row): Promise<Found> {
  const { command, asked, act } = given;
  const { use, state } = row;
  if (state === 'begun' && (given.isHere(use) || row.held_until > act.now)) return { is: 'at-work', use };
  if (command.repeatable) {
    await requirePolicy(sql, given, 0);
    if (given.begin === null) return { is: 'free' };
    await sql.query(
      `UPDATE command_uses SET state = 'begun', brought = $2, begun_at = $3, held_until = $4, ended_at = NULL, detail = NULL WHERE use = $1`,
      [use, broughtBy(asked), act.now, heldFrom(given)],
    );
    await link(sql, given, use);
    return { is: 'begun', use };
  }
  if (state === 'begun') {
    const detail = 'the server ended while it was made';
    await sql.query("UPDATE command_uses SET state = 'lost', ended_at = $2, detail = $3 WHERE use = $1", [
      use,
      act.now,
      detail,
    ]);
    const told = { ...auditDetail(asked, use), reason: detail };
    await audit(sql, { at: act.now, who: act.station, action: 'command.fail', object: command.name, detail: told });
  }
  const begun = row.begun_at.toISOString();
  return {
    is: 'refused',
    reason: `how its use of ${begun} ended is not known, and it has only one: flashline plant commands renew`,
  };
}

function givenOf(row: Row, { asked, act }: Look): Given {
  const { use, data, sha256, size, ended_at: madeAt } = row;
  if (sha256 === null || size === null || madeAt === null) throw new Error('a use that gave something has no digest');
  const again = row.station !== act.station || row.request !== asked.request;
  return { use, data: data && new Uint8Array(data), sha256, size, madeAt, again };
}

function heldFrom({ command, act }: Look): Date {
  return new Date(act.now.getTime() + command.seconds * 1000 + HOLD_MS);
}

/** Its row is held until the transaction ends. Answers how many uses gave something. */
export async function lockCommand(sql: Sql, name: string): Promise<number> {
  await sql.query('INSERT INTO plant_commands (name) VALUES ($1) ON CONFLICT DO NOTHING', [name]);
  const [row] = await sql.query('SELECT given FROM plant_commands WHERE name = $1 FOR UPDATE', [name]);
  return CountColumn.parse(row?.['given']);
}

async function openUses(sql: Sql, name: string): Promise<number> {
  const [row] = await sql.query(
    "SELECT count(*)::bigint AS n FROM command_uses WHERE command = $1 AND state IN ('begun', 'lost')",
    [name],
  );
  return CountColumn.parse(row?.['n']);
}

async function link(sql: Sql, { asked, act }: Look, use: string): Promise<void> {
  await sql.query(
    `INSERT INTO command_requests (station, request, asked, use, at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (station, request) DO NOTHING`,
    [act.station, asked.request, askedDigest(asked), use, act.now],
  );
}

const ReleaseRow = z.object({ product: z.string(), state: z.string() });

/** `taken`: places of the quantity that count against this one. */
async function requirePolicy(sql: Sql, { command, asked, act }: Look, taken: number): Promise<void> {
  const [row] = await sql.query('SELECT product, state FROM releases WHERE digest = $1', [asked.release]);
  const known = { now: act.now, taken, release: row === undefined ? null : ReleaseRow.parse(row) };
  const words = { does: 'give', things: 'uses' } as const;
  const why = policyRefusal(command.policy, { ...asked, station: act.station }, known, words);
  if (why !== null) throw refused(command.name, why);
}

async function requireRate(sql: Sql, { command: { name, policy }, act: { now } }: Look): Promise<void> {
  if (policy.perMinute === null) return;
  const [row] = await sql.query(
    'SELECT count(*)::bigint AS n, min(begun_at) AS oldest FROM command_uses WHERE command = $1 AND begun_at > $2',
    [name, new Date(now.getTime() - MINUTE_MS)],
  );
  const { n, oldest } = z.object({ n: CountColumn, oldest: z.date().nullable() }).parse(row);
  if (n < policy.perMinute || oldest === null) return;
  const seconds = Math.max(1, Math.ceil((oldest.getTime() + MINUTE_MS - now.getTime()) / 1000));
  throw new FlashlineError('too-many-requests', { params: { seconds } });
}

/** By which the audit log finds unit, run and use; of what the unit brought only digests are kept. */
export function auditDetail(asked: UnitDataRequest, use: string | null): Record<string, string> {
  const { request, product, release, serial, uid, run, order } = asked;
  return {
    request,
    ...(use === null ? {} : { use }),
    product,
    release,
    serial,
    uid: uid ?? '',
    run,
    ...(order === null ? {} : { order }),
  };
}

export function refused(command: string, reason: string): FlashlineError {
  return new FlashlineError('plant-command-refused', { params: { command, reason } });
}

const ListRow = z
  .object({
    use: z.string(),
    state: CommandUse.shape.state,
    live: z.boolean(),
    product: z.string(),
    release: z.string(),
    serial: z.string(),
    uid: z.string().nullable(),
    station: z.string(),
    begun_at: TimeColumn,
    ended_at: TimeOrNull,
    sha256: z.string().nullable(),
    size: z.number().nullable(),
    detail: z.string().nullable(),
  })
  .transform(({ begun_at: begunAt, ended_at: endedAt, ...row }): CommandUse => ({ ...row, begunAt, endedAt }));

/** Newest first. */
export async function newestUses(
  sql: Sql,
  name: string,
  { serial, limit }: { readonly serial: string | null; readonly limit: number },
): Promise<CommandUse[]> {
  const rows = await sql.query(
    `SELECT use, state, live, product, release, serial, uid, station, begun_at, ended_at, sha256, size, detail FROM command_uses
     WHERE command = $1 AND ($2::text IS NULL OR serial = $2) ORDER BY id DESC LIMIT $3`,
    [name, serial, limit],
  );
  return z.array(ListRow).parse(rows);
}
