import { z } from 'zod';
import type { Sql } from '../database/database.ts';
import { columns } from './columns.ts';
import type { Found } from './findings.ts';
import type { CheckedRecord } from './read-batch.ts';
import type { UnitRuns } from './unit-runs.ts';
import type { ChangedUnit } from './units.ts';

/**
 * One serial, at one step, on two boards: by every hardware id that ever passed there, whichever came first. `changed` is in the
 * order of `runs`.
 */
export function findDuplicateSerials(
  runs: readonly UnitRuns[],
  changed: readonly ChangedUnit[],
  station: string,
): readonly Found[] {
  return runs.flatMap(({ serial, product, process, boards }, index) => {
    const known = changed[index]?.was?.board;
    const all = [...new Set(known ? [known, ...boards] : boards)];
    if (all.length < 2) return [];
    const detail = { process, uids: all.sort().join(', ') };
    const identity = ['duplicate-serial', product, serial, process].join('\n');
    return [{ kind: 'duplicate-serial', product, serial, station, detail, identity }];
  });
}

interface Claim {
  readonly mark: string;
  readonly serial: string;
  readonly product: string;
}

const Owner = z.object({ mark: z.string(), serial: z.string(), product: z.string() });

/** One board (or one address) passed under two serials. Whoever comes first has it: claims of others wait for that one. */
export async function findDuplicateMarks(
  sql: Sql,
  records: readonly CheckedRecord[],
  station: string,
): Promise<readonly Found[]> {
  const claims = records.flatMap(claimsOf);
  if (claims.length === 0) return [];
  const owners = await claim(sql, new Map(claims.toReversed().map((each) => [each.mark, each])));
  const found = claims.flatMap(({ mark, serial, product }) => {
    const owner = owners.get(mark);
    if (owner === undefined || owner.serial === serial) return [];
    const [kind, value] = splitMark(mark);
    const detail = { [kind]: value, other: owner.serial, otherProduct: owner.product };
    const identity = [`duplicate-${kind}`, value].join('\n');
    return [{ kind: `duplicate-${kind}` as const, product, serial, station, detail, identity }];
  });
  return [...new Map(found.map((each) => [each.identity, each])).values()];
}

function claimsOf({ record }: CheckedRecord): readonly Claim[] {
  const { verdict, serial, product, uid, macs = [] } = record;
  if (verdict !== 'PASS') return [];
  const marks = [...(uid === null ? [] : [`uid:${uid}`]), ...macs.map((mac) => `mac:${mac}`)];
  return marks.map((mark) => ({ mark, serial, product: product.id }));
}

function splitMark(mark: string): readonly ['uid' | 'mac', string] {
  return [mark.startsWith('uid:') ? 'uid' : 'mac', mark.slice('uid:'.length)];
}

/** Who has each of them now. */
async function claim(sql: Sql, wanted: ReadonlyMap<string, Claim>): Promise<ReadonlyMap<string, Claim>> {
  const sorted = [...wanted.values()].sort((a, b) => (a.mark < b.mark ? -1 : 1));
  const text = `
    INSERT INTO marks (mark, serial, product) SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
    ON CONFLICT (mark) DO NOTHING RETURNING mark`;
  const values = columns(sorted, [({ mark }) => mark, ({ serial }) => serial, ({ product }) => product]);
  const inserted = new Set((await sql.query(text, values, 'marks-claim')).map(({ mark }) => mark));
  const taken = sorted.filter(({ mark }) => !inserted.has(mark)).map(({ mark }) => mark);
  if (taken.length === 0) return wanted;
  const select = 'SELECT mark, serial, product FROM marks WHERE mark = ANY($1::text[])';
  const owners = z.array(Owner).parse(await sql.query(select, [taken], 'marks-owners'));
  return new Map([...wanted, ...owners.map((owner) => [owner.mark, owner] as const)]);
}
