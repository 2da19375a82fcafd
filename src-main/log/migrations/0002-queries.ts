import type { Database } from 'better-sqlite3';
import { z } from 'zod';
import { UnitRecord } from '#shared/model/unit-record.ts';
import { indexRecord } from '../record-index.ts';

const Row = z.object({ sequence: z.number(), body: z.string() });

/** Memory while old records are gone through: a thousand of them. */
const PAGE = 1000;

/**
 * What queries rest on, derived from the records: by facet, by product and verdict, by time (one index that covers a
 * shift's runs), and one row a unit for its yield. Names of columns are those of src-plant's tables.
 */
export const queries = {
  version: 2,
  sql: `
    DROP TRIGGER records_unchanged;
    ALTER TABLE records ADD COLUMN code TEXT;
    UPDATE records SET code = json_extract(body, '$.failure.code') WHERE json_valid(body) AND verdict <> 'PASS';
    CREATE TRIGGER records_unchanged BEFORE UPDATE ON records
      BEGIN SELECT RAISE (ABORT, 'a record is never changed'); END;

    DROP INDEX records_finished;
    CREATE INDEX records_in_time ON records (finished_at, sequence, product, verdict, simulated, code);
    CREATE INDEX records_of_product ON records (product, sequence, verdict);
    CREATE INDEX records_of_verdict ON records (verdict, sequence);

    CREATE TABLE facets (
      -- As in model/facets.ts.
      facet    TEXT NOT NULL,
      sequence INTEGER NOT NULL REFERENCES records (sequence),
      PRIMARY KEY (facet, sequence)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE units (
      simulated      INTEGER NOT NULL,
      product        TEXT NOT NULL,
      serial         TEXT NOT NULL,
      process        TEXT NOT NULL,
      -- Its first PASS or FAIL, by when it finished.
      first_at       TEXT NOT NULL,
      -- Its record may be in an archive by now.
      first_sequence INTEGER NOT NULL,
      first_passed   INTEGER NOT NULL,
      -- It passed at some time.
      passed         INTEGER NOT NULL,
      PRIMARY KEY (simulated, product, serial, process)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX units_first ON units (simulated, first_at, product, first_passed, passed);
  `,
  /** Of the records that are there already. One that cannot be read is left to \`log verify\`, which names it. */
  fill(database: Database): void {
    const page = database.prepare('SELECT sequence, body FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?');
    const statements = new Map<string, ReturnType<Database['prepare']>>();
    const run = (sql: string, ...values: (string | number)[]) => {
      const statement = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, statement);
      statement.run(...values);
    };
    for (let after = 0; ;) {
      const rows = page.all(after, PAGE).map((row) => Row.parse(row));
      for (const { body } of rows) {
        const record = readable(body);
        if (record) indexRecord(record, run);
      }
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.sequence;
    }
  },
} as const;

function readable(body: string): UnitRecord | null {
  try {
    return UnitRecord.parse(JSON.parse(body));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof z.ZodError) return null;
    throw thrown;
  }
}
