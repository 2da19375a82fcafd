import { type Facet, facet } from '#shared/model/facets.ts';
import type { ExportPlace, ExportQuery, RecordQuery } from './log.ts';

export interface Query {
  readonly sql: string;
  readonly values: (string | number)[];
}

interface Condition {
  readonly sql: string;
  readonly value: string | number;
}

/** Facets that few records share, and those that nearly all of a product's do. */
const NARROW: ReadonlySet<Facet> = new Set(['mac', 'batch', 'order']);

const NEWEST_FIRST = 'ORDER BY sequence DESC LIMIT ?';

/**
 * Newest first. Which index leads is decided here, from the narrowest filter to the widest, and not by the planner, which
 * knows nothing of the values: the places are found in an index alone, and only those asked for are looked up.
 */
export function recordQuery(query: RecordQuery): Query {
  const { from, where } = leading(query);
  const conditions = [...where, ...present('sequence < ?', query.before)];
  const places = `SELECT sequence FROM ${from} ${whereOf(conditions)} ${NEWEST_FIRST}`;
  return {
    sql: `SELECT body FROM records WHERE sequence IN (${places}) ORDER BY sequence DESC`,
    values: [...conditions.map(({ value }) => value), query.limit ?? -1],
  };
}

/** In the order of finishing: the next `limit` after a place. */
export function exportQuery(query: ExportQuery, after: ExportPlace | null, limit: number): Query {
  const index = query.serial === undefined ? 'records_in_time' : 'records_of_serial';
  // One lower bound only: with two, SQLite might begin each page at the range's start.
  const lower = after === null ? present('finished_at >= ?', query.from) : [];
  const conditions = [
    ...present('serial = ?', query.serial),
    ...present('product = ?', query.product),
    ...present('finished_at < ?', query.to),
    ...lower,
  ];
  const place = after === null ? [] : ['(finished_at, sequence) > (?, ?)'];
  const where = [...conditions.map(({ sql }) => sql), ...place];
  return {
    sql: `SELECT finished_at, sequence, body FROM records INDEXED BY ${index}
      ${where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`} ORDER BY finished_at, sequence LIMIT ?`,
    values: [
      ...conditions.map(({ value }) => value),
      ...(after === null ? [] : [after.finishedAt, after.sequence]),
      limit,
    ],
  };
}

interface Leading {
  readonly from: string;
  readonly where: readonly Condition[];
}

function leading(query: RecordQuery): Leading {
  const { serial, uid } = query;
  const plain = [...present('product = ?', query.product), ...present('verdict = ?', query.verdict), ...timeOf(query)];
  const byFacet =
    query.facet === undefined ? [] : [{ sql: HAS_FACET, value: facet(query.facet.kind, query.facet.value) }];
  const all = [...present('serial = ?', serial), ...present('uid = ?', uid), ...plain];
  if (serial !== undefined) return { from: 'records INDEXED BY records_of_serial', where: [...all, ...byFacet] };
  if (uid !== undefined) return { from: 'records INDEXED BY records_of_uid', where: [...all, ...byFacet] };
  const timed = query.from !== undefined || query.to !== undefined;
  if (query.facet && (NARROW.has(query.facet.kind) || !timed)) return leadingFacet(byFacet, plain);
  if (timed) return { from: 'records INDEXED BY records_in_time', where: [...all, ...byFacet] };
  if (query.product !== undefined) return { from: 'records INDEXED BY records_of_product', where: all };
  if (query.verdict !== undefined) return { from: 'records INDEXED BY records_of_verdict', where: all };
  return { from: 'records', where: [] };
}

const HAS_FACET = 'EXISTS (SELECT 1 FROM facets WHERE facet = ? AND facets.sequence = records.sequence)';

/** CROSS JOIN: SQLite keeps the order of the tables (sqlite.org/optoverview.html#manual_control_of_query_plans_using_cross_join). */
function leadingFacet(byFacet: readonly Condition[], plain: readonly Condition[]): Leading {
  const first = byFacet.map(({ value }) => ({ sql: 'facet = ?', value }));
  const from = plain.length === 0 ? 'facets' : 'facets CROSS JOIN records USING (sequence)';
  return { from, where: [...first, ...plain] };
}

function timeOf({ from, to }: { readonly from?: string; readonly to?: string }): Condition[] {
  return [...present('finished_at >= ?', from), ...present('finished_at < ?', to)];
}

function present(sql: string, value: string | number | undefined): Condition[] {
  return value === undefined ? [] : [{ sql, value }];
}

function whereOf(conditions: readonly Condition[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`;
}
