import { z } from 'zod';
import { facet } from '#shared/model/facets.ts';
import type { ListRow, NumberBook, NumberRow, NumbersLeft, NumberState, TakenFrom } from './log.ts';
import type { LogDatabase } from './log-database.ts';

const NextRow = z.object({ next: z.number(), last: z.number().nullable() });
const ListedRow = z.object({
  place: z.number(),
  serial: z.string(),
  fields: z.string(),
  file: z.string(),
  line: z.number(),
});
const Fields = z.record(z.string(), z.string());
const TakenRow = z.object({
  source: z.string(),
  number: z.number(),
  size: z.number(),
  text: z.string(),
  run: z.string().nullable(),
  at: z.string(),
});
const RunRow = z.object({ run: z.string(), verdict: z.string() });
const LeaseRow = z.object({ pool: z.string(), next: z.number(), last: z.number() });
const SourceRow = z.object({ source: z.string(), next: z.number(), last: z.number().nullable() });
const CountRow = z.object({ count: z.number() });

const LISTED = 'SELECT place, serial, fields, file, line FROM list_rows';
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/u;

/** See NumberBook. Two processes over one file take turns. */
export class SqliteNumberBook implements NumberBook {
  readonly #database: LogDatabase;

  constructor(database: LogDatabase) {
    this.#database = database;
  }

  async next(source: string): Promise<number | null> {
    return this.#next(source);
  }

  async take(taken: TakenFrom): Promise<'taken' | 'moved' | 'known'> {
    const { source, number, size, text, run, at, last } = taken;
    return this.#database.transaction(() => {
      const next = this.#next(source);
      if (next !== null && next > number) return 'moved';
      const known = this.#isKnown(text, source.startsWith('bench:'));
      const sql = `INSERT INTO numbers (source, next, last) VALUES (?, ?, ?)
        ON CONFLICT (source) DO UPDATE SET next = excluded.next, last = excluded.last`;
      this.#database.run(sql, source, number + size, last);
      insertTaken(this.#database, { source, number, size, text, run, at });
      return known ? 'known' : 'taken';
    });
  }

  async isTaken(text: string): Promise<boolean> {
    return this.#database.first(z.unknown(), 'SELECT 1 FROM numbers_taken WHERE text = ? LIMIT 1', text) !== undefined;
  }

  async nextRow(list: string, from: number): Promise<ListRow | null> {
    const row = this.#database.first(
      ListedRow,
      `${LISTED} WHERE list = ? AND place >= ? ORDER BY place LIMIT 1`,
      list,
      from,
    );
    return row === undefined ? null : listRow(row);
  }

  async row(list: string, serial: string): Promise<ListRow | null> {
    const row = this.#database.first(ListedRow, `${LISTED} WHERE list = ? AND serial = ?`, list, serial);
    return row === undefined ? null : listRow(row);
  }

  async rowsFrom(list: string, from: number): Promise<number> {
    const sql = 'SELECT count(*) AS count FROM list_rows WHERE list = ? AND place >= ?';
    return this.#database.first(CountRow, sql, list, from)?.count ?? 0;
  }

  async importRows(
    list: string,
    file: string,
    rows: readonly Omit<ListRow, 'place' | 'file'>[],
  ): Promise<ListRow | null> {
    return this.#database.transaction(() => {
      const already = rows.find(({ serial }) => this.#isListed(list, serial) || this.#isKnown(serial, false));
      // Nothing is written where one row cannot be.
      if (already) return { ...already, place: 0, file };
      const sql = 'SELECT coalesce(max(place), 0) AS count FROM list_rows WHERE list = ?';
      const before = this.#database.first(CountRow, sql, list)?.count ?? 0;
      for (const [index, { serial, fields, line }] of rows.entries())
        this.#database.run(
          'INSERT INTO list_rows (list, place, serial, fields, file, line) VALUES (?, ?, ?, ?, ?, ?)',
          list,
          before + index + 1,
          serial,
          JSON.stringify(fields),
          file,
          line,
        );
      return null;
    });
  }

  async taken(after: { readonly source: string; readonly number: number }, limit: number): Promise<NumberRow[]> {
    const sql = `SELECT source, number, size, text, run, at FROM numbers_taken
      WHERE (source, number) > (?, ?) ORDER BY source, number LIMIT ?`;
    return this.#database.snapshot(() =>
      this.#database
        .all(TakenRow, sql, after.source, after.number, limit)
        .map((row) => Object.assign(row, this.#stateOf(row))),
    );
  }

  async left(): Promise<NumbersLeft[]> {
    return this.#database.snapshot(() => {
      const counters = this.#database.all(SourceRow, 'SELECT source, next, last FROM numbers ORDER BY source');
      const leases = this.#database.all(
        LeaseRow,
        'SELECT pool, next, last FROM number_leases WHERE closed = 0 AND next <= last ORDER BY pool, next',
      );
      const lists = this.#database.all(
        z.object({ list: z.string(), most: z.number() }),
        'SELECT list, max(place) AS most FROM list_rows GROUP BY list ORDER BY list',
      );
      const begun = (list: string) => counters.find(({ source }) => source === `list:${list}`)?.next ?? 1;
      return [
        ...counters.flatMap(({ source, next, last }) => (last === null ? [] : [{ source, first: next, last }])),
        ...lists.map(({ list, most }) => ({ source: `list:${list}`, first: begun(list), last: most })),
        ...leases.map(({ pool, next, last }) => ({ source: `pool:${pool}`, first: next, last })),
      ].filter(({ first, last }) => first <= last);
    });
  }

  #next(source: string): number | null {
    return this.#database.first(NextRow, 'SELECT next, last FROM numbers WHERE source = ?', source)?.next ?? null;
  }

  #isListed(list: string, serial: string): boolean {
    return this.#database.first(ListedRow, `${LISTED} WHERE list = ? AND serial = ?`, list, serial) !== undefined;
  }

  /** A log that went back to a backup counts anew; what has a record is some unit's all the same. */
  #isKnown(text: string, simulated: boolean): boolean {
    const sql = MAC.test(text)
      ? 'SELECT 1 FROM facets JOIN records USING (sequence) WHERE facet = ? AND simulated = ? LIMIT 1'
      : `SELECT 1 FROM records INDEXED BY records_of_serial WHERE serial = ? AND simulated = ?
         UNION ALL SELECT 1 FROM archived_passes WHERE serial = ? AND simulated = ? LIMIT 1`;
    const flag = Number(simulated);
    const values = MAC.test(text) ? [facet('mac', text), flag] : [text, flag, text, flag];
    return this.#database.first(z.unknown(), sql, ...values) !== undefined;
  }

  /** Used where a unit passed with it. Else it is void, by the last run that had it; with none it never came to a unit. */
  #stateOf({ source, text, run }: z.infer<typeof TakenRow>): NumberState {
    const simulated = Number(source.startsWith('bench:'));
    const from = MAC.test(text)
      ? 'records JOIN facets USING (sequence) WHERE facet = ?'
      : 'records INDEXED BY records_of_serial WHERE serial = ?';
    const sql = `SELECT run, verdict FROM ${from} AND simulated = ? ORDER BY verdict = 'PASS' DESC, sequence DESC LIMIT 1`;
    const found = this.#database.first(RunRow, sql, MAC.test(text) ? facet('mac', text) : text, simulated);
    if (found) return { state: found.verdict === 'PASS' ? 'used' : 'void', run: found.run, verdict: found.verdict };
    const open = "SELECT run FROM runs WHERE record IS NULL AND json_extract(opening, '$.serial') = ?";
    const running = this.#database.first(z.object({ run: z.string() }), open, text);
    if (running) return { state: 'open', run: running.run, verdict: null };
    return { state: 'void', run, verdict: null };
  }
}

/** With the number's own step, in one transaction. */
export function insertTaken(
  database: LogDatabase,
  { source, number, size, text, run, at }: Omit<TakenFrom, 'last'>,
): void {
  const sql = `INSERT INTO numbers_taken (source, number, size, text, run, at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`;
  database.run(sql, source, number, size, text, run, at);
}

function listRow({ place, serial, fields, file, line }: z.infer<typeof ListedRow>): ListRow {
  return { place, serial, fields: Fields.parse(JSON.parse(fields)), file, line };
}
