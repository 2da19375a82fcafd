/** What a station keeps of its plant: who it is, its newest signed document, how late it is there, and leased numbers. */
export const plant = {
  version: 4,
  sql: `
    CREATE TABLE plant (
      one         INTEGER PRIMARY KEY CHECK (one = 1),
      -- JSON: Enrolment of plant-store.ts.
      enrolment   TEXT NOT NULL,
      -- Compact JWS of a StationDocument, and its number.
      document    TEXT,
      serial      INTEGER NOT NULL DEFAULT 0,
      work_order  TEXT,
      -- PlantTime of plant-store.ts; milliseconds since 1970.
      contact     INTEGER NOT NULL DEFAULT 0,
      contact_ms  INTEGER,
      skew_ms     INTEGER,
      plant_ms    INTEGER,
      wall_ms     INTEGER
    ) STRICT;
    CREATE TRIGGER plant_document_newer BEFORE UPDATE OF serial ON plant WHEN NEW.serial < OLD.serial
      BEGIN SELECT RAISE (ABORT, 'an older document never replaces a newer one'); END;

    CREATE TABLE lease_questions (
      pool TEXT PRIMARY KEY,
      key  TEXT NOT NULL
    ) STRICT;

    CREATE TABLE number_leases (
      -- In the order in which they came, which is the order in which they are used.
      id       INTEGER PRIMARY KEY,
      lease    TEXT NOT NULL UNIQUE,
      pool     TEXT NOT NULL,
      -- JSON: NumberLease of the plant's contract.
      terms    TEXT NOT NULL,
      next     INTEGER NOT NULL,
      last     INTEGER NOT NULL,
      until_ms INTEGER NOT NULL,
      closed   INTEGER NOT NULL DEFAULT 0,
      returned INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX number_leases_open ON number_leases (pool, id) WHERE closed = 0;
    CREATE TRIGGER number_leases_forward BEFORE UPDATE OF next ON number_leases WHEN NEW.next < OLD.next
      BEGIN SELECT RAISE (ABORT, 'a number is taken once'); END;
    CREATE TRIGGER number_leases_kept BEFORE DELETE ON number_leases
      BEGIN SELECT RAISE (ABORT, 'a lease is closed, never forgotten'); END;
  `,
} as const;
