/**
 * What proves the chain, and what it leaves behind when old records go to an archive or when a damaged file lost some.
 *
 * An anchor ends a prefix of the chain that was written to an archive: only once it stands may that prefix be deleted, and an
 * anchor can only stand on a record that is there, behind which nothing waits for the plant or for an operator. A gap names
 * records that a damaged file lost: which ones, and the hash of the last, on which the chain goes on; it goes when they are
 * back. A stray is what was found in a damaged file and fits nowhere, kept as it was found.
 */
export const safety = {
  version: 3,
  sql: `
    CREATE TABLE chain_heads (
      sequence   INTEGER PRIMARY KEY,
      hash       TEXT NOT NULL,
      chain      TEXT NOT NULL,
      key_id     TEXT NOT NULL,
      -- Of the public key, as in a JSON Web Key.
      key_x      TEXT NOT NULL,
      -- Compact JWS of ChainHead.
      jws        TEXT NOT NULL,
      -- UTC, YYYY-MM-DD: the newest of each day is kept.
      signed_on  TEXT NOT NULL
    ) STRICT;
    CREATE INDEX chain_heads_of_day ON chain_heads (signed_on, sequence);

    CREATE TABLE anchors (
      -- The last record of an archived prefix, and the first of this archive.
      sequence INTEGER PRIMARY KEY,
      hash     TEXT NOT NULL,
      chain    TEXT NOT NULL,
      first    INTEGER NOT NULL,
      -- Name of the file in the folder of archives, and its SHA-256.
      archive  TEXT NOT NULL,
      sha256   TEXT NOT NULL,
      made_at  TEXT NOT NULL
    ) STRICT;

    -- Every PASS whose record is in an archive: a unit that passed is known for ever.
    CREATE TABLE archived_passes (
      simulated   INTEGER NOT NULL,
      product     TEXT NOT NULL,
      serial      TEXT NOT NULL,
      process     TEXT NOT NULL,
      uid         TEXT,
      run         TEXT NOT NULL,
      sequence    INTEGER NOT NULL,
      finished_at TEXT NOT NULL,
      PRIMARY KEY (simulated, product, serial, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX archived_passes_of_uid ON archived_passes (uid, simulated, sequence);

    CREATE TABLE gaps (
      first INTEGER PRIMARY KEY,
      last  INTEGER NOT NULL CHECK (last >= first),
      -- Of the last.
      hash  TEXT NOT NULL
    ) STRICT;

    CREATE TABLE strays (
      id       INTEGER PRIMARY KEY,
      -- The damaged file that it was found in.
      file     TEXT NOT NULL,
      body     TEXT NOT NULL,
      reason   TEXT NOT NULL,
      found_at TEXT NOT NULL
    ) STRICT;

    -- Where the chain goes on.
    CREATE VIEW chain_tail AS SELECT sequence, hash FROM (
      SELECT * FROM (SELECT sequence, hash FROM records ORDER BY sequence DESC LIMIT 1)
      UNION ALL SELECT * FROM (SELECT last, hash FROM gaps ORDER BY first DESC LIMIT 1)
      UNION ALL SELECT * FROM (SELECT sequence, hash FROM anchors ORDER BY sequence DESC LIMIT 1)
    ) ORDER BY sequence DESC LIMIT 1;

    -- Its name, the hash of its first record, also where that is in an archive or lost; where nothing vouches for that one any
    -- more, the hash of the last that was lost with it: the plant then has the same records under a second name.
    CREATE VIEW chain_name AS SELECT chain FROM (
      SELECT * FROM (SELECT 1 AS rank, hash AS chain FROM records WHERE sequence = 1)
      UNION ALL SELECT * FROM (SELECT 2, chain FROM anchors LIMIT 1)
      UNION ALL SELECT * FROM (SELECT 3, chain FROM chain_heads LIMIT 1)
      UNION ALL SELECT * FROM (SELECT 4, hash FROM gaps WHERE first = 1)
    ) ORDER BY rank LIMIT 1;

    CREATE TRIGGER chain_heads_unchanged BEFORE UPDATE ON chain_heads
      BEGIN SELECT RAISE (ABORT, 'a signed head is never changed'); END;
    CREATE TRIGGER chain_heads_kept BEFORE DELETE ON chain_heads
      WHEN NOT EXISTS (SELECT 1 FROM chain_heads WHERE signed_on = OLD.signed_on AND sequence > OLD.sequence)
      BEGIN SELECT RAISE (ABORT, 'the last signed head of a day is never deleted'); END;

    CREATE TRIGGER anchors_on_records BEFORE INSERT ON anchors
      WHEN NOT EXISTS (SELECT 1 FROM records WHERE sequence = NEW.sequence AND hash = NEW.hash)
        OR NOT EXISTS (SELECT 1 FROM records WHERE sequence > NEW.sequence)
        OR EXISTS (SELECT 1 FROM outbox WHERE sequence <= NEW.sequence)
        OR EXISTS (SELECT 1 FROM gaps WHERE first <= NEW.sequence)
        OR EXISTS (SELECT 1 FROM records WHERE verdict = 'INTERRUPTED' AND sequence <= NEW.sequence
                     AND sequence NOT IN (SELECT sequence FROM acknowledgements))
      BEGIN SELECT RAISE (ABORT, 'records that somebody waits for are not archived'); END;
    CREATE TRIGGER anchors_unchanged BEFORE UPDATE ON anchors
      BEGIN SELECT RAISE (ABORT, 'an anchor is never changed'); END;
    CREATE TRIGGER anchors_kept BEFORE DELETE ON anchors
      BEGIN SELECT RAISE (ABORT, 'an anchor is never deleted'); END;

    CREATE TRIGGER gaps_unchanged BEFORE UPDATE ON gaps
      BEGIN SELECT RAISE (ABORT, 'a gap is never changed'); END;
    CREATE TRIGGER gaps_kept BEFORE DELETE ON gaps
      WHEN NOT EXISTS (SELECT 1 FROM records WHERE sequence = OLD.last AND hash = OLD.hash)
        AND NOT EXISTS (SELECT 1 FROM gaps WHERE first > OLD.first AND last = OLD.last AND hash = OLD.hash)
      BEGIN SELECT RAISE (ABORT, 'a gap stays until its records are back'); END;
    CREATE TRIGGER strays_unchanged BEFORE UPDATE ON strays
      BEGIN SELECT RAISE (ABORT, 'a stray is never changed'); END;
    CREATE TRIGGER strays_kept BEFORE DELETE ON strays
      BEGIN SELECT RAISE (ABORT, 'a stray is never deleted'); END;

    DROP TRIGGER records_kept;
    CREATE TRIGGER records_kept BEFORE DELETE ON records
      WHEN OLD.sequence > coalesce((SELECT max(sequence) FROM anchors), 0)
      BEGIN SELECT RAISE (ABORT, 'a record is never deleted'); END;
    DROP TRIGGER runs_kept;
    CREATE TRIGGER runs_kept BEFORE DELETE ON runs
      WHEN OLD.record IS NULL OR OLD.record > coalesce((SELECT max(sequence) FROM anchors), 0)
      BEGIN SELECT RAISE (ABORT, 'a run is never deleted'); END;
    DROP TRIGGER journal_kept;
    CREATE TRIGGER journal_kept BEFORE DELETE ON journal
      WHEN NOT EXISTS (SELECT 1 FROM runs WHERE run = OLD.run
                         AND record <= coalesce((SELECT max(sequence) FROM anchors), 0))
      BEGIN SELECT RAISE (ABORT, 'the journal is never deleted'); END;
  `,
} as const;
