/**
 * The unit log's first shape. A run is open while `record` is null. Journal and records only ever grow: the triggers
 * refuse anything else, whoever has the file open. The outbox row of a record goes when the plant has acknowledged it;
 * a simulated unit's record has none.
 */
export const runsAndRecords = {
  version: 1,
  sql: `
    CREATE TABLE runs (
      run      TEXT PRIMARY KEY,
      opening  TEXT NOT NULL,
      owner    TEXT NOT NULL,
      record   INTEGER UNIQUE REFERENCES records (sequence)
    ) STRICT;
    CREATE INDEX runs_open ON runs (run) WHERE record IS NULL;

    CREATE TABLE journal (
      id    INTEGER PRIMARY KEY AUTOINCREMENT,
      run   TEXT NOT NULL REFERENCES runs (run),
      entry TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_of_run ON journal (run, id);

    CREATE TABLE records (
      sequence    INTEGER PRIMARY KEY,
      run         TEXT NOT NULL UNIQUE REFERENCES runs (run),
      product     TEXT NOT NULL,
      serial      TEXT NOT NULL,
      uid         TEXT,
      verdict     TEXT NOT NULL,
      finished_at TEXT NOT NULL,
      simulated   INTEGER NOT NULL,
      hash        TEXT NOT NULL UNIQUE,
      body        TEXT NOT NULL
    ) STRICT;
    CREATE INDEX records_of_serial ON records (serial, sequence);
    CREATE INDEX records_of_uid ON records (uid, sequence);
    CREATE INDEX records_finished ON records (finished_at);
    CREATE INDEX passes_of_serial ON records (product, serial, simulated, sequence) WHERE verdict = 'PASS';
    CREATE INDEX passes_of_uid ON records (uid, simulated, sequence) WHERE verdict = 'PASS';

    CREATE TABLE outbox (
      sequence INTEGER PRIMARY KEY REFERENCES records (sequence)
    ) STRICT;

    CREATE TABLE acknowledgements (
      sequence INTEGER PRIMARY KEY REFERENCES records (sequence)
    ) STRICT;

    CREATE TRIGGER records_unchanged BEFORE UPDATE ON records
      BEGIN SELECT RAISE (ABORT, 'a record is never changed'); END;
    CREATE TRIGGER records_kept BEFORE DELETE ON records
      BEGIN SELECT RAISE (ABORT, 'a record is never deleted'); END;
    CREATE TRIGGER journal_unchanged BEFORE UPDATE ON journal
      BEGIN SELECT RAISE (ABORT, 'the journal is never changed'); END;
    CREATE TRIGGER journal_kept BEFORE DELETE ON journal
      BEGIN SELECT RAISE (ABORT, 'the journal is never deleted'); END;
    CREATE TRIGGER runs_kept BEFORE DELETE ON runs
      BEGIN SELECT RAISE (ABORT, 'a run is never deleted'); END;
    CREATE TRIGGER runs_close_once BEFORE UPDATE ON runs WHEN OLD.record IS NOT NULL
      BEGIN SELECT RAISE (ABORT, 'a run is closed once'); END;
  `,
} as const;
