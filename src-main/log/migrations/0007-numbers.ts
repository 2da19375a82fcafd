/**
 * Numbers that this station gave to units: of its own counters, of lists that were imported, of the plant's leases. A number is taken
 * once, whatever becomes of the unit. `numbers` knows how far a row of them has come.
 */
export const numbers = {
  version: 7,
  sql: `
    CREATE TABLE numbers (
      -- counter:NAME, list:NAME; of the bench's units bench:counter:NAME.
      source TEXT PRIMARY KEY,
      next   INTEGER NOT NULL,
      -- Of a counter as its recipe had it last; null of a list.
      last   INTEGER
    ) STRICT;
    CREATE TRIGGER numbers_forward BEFORE UPDATE OF next ON numbers WHEN NEW.next < OLD.next
      BEGIN SELECT RAISE (ABORT, 'a number is taken once'); END;
    CREATE TRIGGER numbers_kept BEFORE DELETE ON numbers
      BEGIN SELECT RAISE (ABORT, 'a counter is never forgotten'); END;

    CREATE TABLE numbers_taken (
      -- As above, and pool:NAME.
      source TEXT NOT NULL,
      number INTEGER NOT NULL,
      -- So many from there on; of a list the row.
      size   INTEGER NOT NULL,
      -- The serial, or the MAC with colons.
      text   TEXT NOT NULL,
      -- Of MACs: which run took it. A serial's runs are those of its records.
      run    TEXT,
      at     TEXT NOT NULL,
      PRIMARY KEY (source, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX numbers_taken_text ON numbers_taken (text);
    CREATE TRIGGER numbers_taken_unchanged BEFORE UPDATE ON numbers_taken
      BEGIN SELECT RAISE (ABORT, 'a number is taken once'); END;
    CREATE TRIGGER numbers_taken_kept BEFORE DELETE ON numbers_taken
      BEGIN SELECT RAISE (ABORT, 'a number is taken once'); END;

    CREATE TABLE list_rows (
      list   TEXT NOT NULL,
      -- From 1, through all imports.
      place  INTEGER NOT NULL,
      serial TEXT NOT NULL,
      -- JSON: what else the row says, by the recipe's names.
      fields TEXT NOT NULL,
      -- Name of the file and line in it.
      file   TEXT NOT NULL,
      line   INTEGER NOT NULL,
      PRIMARY KEY (list, place)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX list_rows_serial ON list_rows (list, serial);
  `,
} as const;
