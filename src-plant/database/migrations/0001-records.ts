/**
 * Records and what is kept in step with them. `records` is partitioned by month and its key begins with the serial, so that
 * Citus can distribute it by serial unchanged; a record is named by its own hash, so the same record is the same row.
 * `units` is one row a unit and step: what yield, recall and admission rest on, never a scan of runs.
 */
export const records = {
  version: 1,
  sql: `
    CREATE TABLE chains (
      id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      station    text NOT NULL,
      -- Hash of the chain's first record: its name.
      genesis    text NOT NULL,
      sequence   bigint NOT NULL,
      hash       text NOT NULL,
      -- The newest head that the station signed (JWS), and how far it reaches.
      head       text,
      signed     bigint NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL,
      UNIQUE (station, genesis)
    );

    CREATE TABLE records (
      serial      text NOT NULL,
      finished_at timestamptz NOT NULL,
      hash        text NOT NULL,
      chain       integer NOT NULL,
      sequence    bigint NOT NULL,
      product     text NOT NULL,
      process     text NOT NULL,
      uid         text,
      verdict     text NOT NULL,
      station     text NOT NULL,
      received_at timestamptz NOT NULL,
      -- As in model/facets.ts.
      facets      text[] NOT NULL,
      -- Canonical JSON, as the station hashed it.
      body        text NOT NULL,
      PRIMARY KEY (serial, finished_at, hash)
    ) PARTITION BY RANGE (finished_at);
    CREATE TABLE records_default PARTITION OF records DEFAULT;
    CREATE INDEX records_of_chain ON records (chain, sequence);
    CREATE INDEX records_of_uid ON records (uid, finished_at) WHERE uid IS NOT NULL;
    CREATE INDEX records_facets ON records USING gin (facets);

    -- Of simulated units, whose records stay at the station.
    CREATE TABLE links (
      chain         integer NOT NULL,
      sequence      bigint NOT NULL,
      previous_hash text NOT NULL,
      hash          text NOT NULL,
      PRIMARY KEY (chain, sequence)
    );

    CREATE TABLE units (
      serial        text NOT NULL,
      product       text NOT NULL,
      process       text NOT NULL,
      runs          integer NOT NULL,
      -- Its first PASS or FAIL, by when it finished; null before any.
      first_at      timestamptz,
      first_hash    text,
      first_verdict text,
      first_station text,
      first_order   text,
      last_at       timestamptz NOT NULL,
      last_hash     text NOT NULL,
      last_verdict  text NOT NULL,
      last_station  text NOT NULL,
      -- Its newest PASS: what it carries now.
      pass_at       timestamptz,
      pass_hash     text,
      pass_station  text,
      pass_uid      text,
      PRIMARY KEY (serial, product, process)
    );
    CREATE INDEX units_of_pass_uid ON units (pass_uid) WHERE pass_uid IS NOT NULL;

    -- Units by the hour, product, step, station and order of their first attempt.
    CREATE TABLE yield_hours (
      hour         timestamptz NOT NULL,
      product      text NOT NULL,
      process      text NOT NULL,
      station      text NOT NULL,
      work_order   text NOT NULL,
      attempted    bigint NOT NULL,
      passed_first bigint NOT NULL,
      passed_later bigint NOT NULL,
      PRIMARY KEY (hour, product, process, station, work_order)
    );
    CREATE INDEX yield_hours_of_order ON yield_hours (work_order) WHERE work_order <> '';

    -- Runs by how they ended; code is empty for a PASS.
    CREATE TABLE run_hours (
      hour    timestamptz NOT NULL,
      product text NOT NULL,
      process text NOT NULL,
      station text NOT NULL,
      verdict text NOT NULL,
      code    text NOT NULL,
      runs    bigint NOT NULL,
      PRIMARY KEY (hour, product, process, station, verdict, code)
    );

    CREATE TABLE findings (
      id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      kind       text NOT NULL,
      product    text,
      serial     text,
      station    text,
      detail     jsonb NOT NULL,
      -- What makes it the same finding when it is found again.
      identity   text NOT NULL UNIQUE,
      found_at   timestamptz NOT NULL,
      settled_at timestamptz,
      settled_by text
    );
    CREATE INDEX findings_open ON findings (found_at) WHERE settled_at IS NULL;
    CREATE INDEX findings_of_serial ON findings (serial) WHERE serial IS NOT NULL;
  `,
} as const;
