import { APP_ROLE } from '../migration.ts';

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
    CREATE INDEX chains_of_genesis ON chains (genesis);

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

    -- Of simulated units, whose records stay at the station; and of records that came by another chain before (a copied log).
    CREATE TABLE links (
      chain         integer NOT NULL,
      sequence      bigint NOT NULL,
      previous_hash text NOT NULL,
      hash          text NOT NULL,
      PRIMARY KEY (chain, sequence)
    );

    -- Places whose records a station lost for good (a damaged log), as it told.
    CREATE TABLE chain_gaps (
      chain         integer NOT NULL,
      first         bigint NOT NULL,
      last          bigint NOT NULL CHECK (last >= first),
      -- Of the record before the first, and of the last.
      previous_hash text NOT NULL,
      hash          text NOT NULL,
      told_at       timestamptz NOT NULL,
      -- Since when all of its records are here after all.
      filled_at     timestamptz,
      PRIMARY KEY (chain, first)
    );
    CREATE INDEX chain_gaps_open ON chain_gaps (chain, last) WHERE filled_at IS NULL;

    CREATE TABLE units (
      serial        text NOT NULL,
      product       text NOT NULL,
      process       text NOT NULL,
      runs          integer NOT NULL,
      -- When its earliest record of any verdict finished: with last_at, the partitions that a trace must look into.
      begun_at      timestamptz NOT NULL,
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
      -- The least of the hardware ids that passed: any other one that passes is another board.
      board         text,
      -- What it counted as before its newest change.
      was           jsonb,
      PRIMARY KEY (serial, product, process)
    );
    CREATE INDEX units_of_pass_uid ON units (pass_uid) WHERE pass_uid IS NOT NULL;

    -- Which serial was the first to pass with a hardware id or an address: 'uid:...', 'mac:...'.
    CREATE TABLE marks (
      mark    text PRIMARY KEY,
      serial  text NOT NULL,
      product text NOT NULL
    );

    -- Units by the hour (day, UTC), product, step, station and order of their first attempt.
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
    CREATE TABLE yield_days (LIKE yield_hours INCLUDING ALL);
    ALTER TABLE yield_days RENAME COLUMN hour TO day;
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
    CREATE TABLE run_days (LIKE run_hours INCLUDING ALL);
    ALTER TABLE run_days RENAME COLUMN hour TO day;

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

    -- Makes the partition of the month (UTC) that an instant is in; false where that month gets none: before 2020, more than
    -- two months ahead (a clock that is wrong), or while somebody holds the table. Such rows live in records_default, and
    -- move when their month is made. Attached rather than created in place: that lets readers and writers go on.
    CREATE FUNCTION make_records_month(instant timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s'
    AS $$
    DECLARE
      first timestamptz := date_trunc('month', instant);
      next  timestamptz := first + interval '1 month';
      name  text := to_char(first, '"records_"YYYY_MM');
    BEGIN
      IF first < '2020-01-01' OR first > date_trunc('month', now()) + interval '2 months' THEN
        RETURN false;
      END IF;
      IF to_regclass(name) IS NOT NULL THEN
        RETURN true;
      END IF;
      LOCK TABLE records IN SHARE UPDATE EXCLUSIVE MODE;
      -- Whoever had the lock before may have made it. Only now: having a table's lock is what makes this session look anew.
      IF to_regclass(name) IS NOT NULL THEN
        RETURN true;
      END IF;
      LOCK TABLE records_default IN ACCESS EXCLUSIVE MODE;
      EXECUTE format('CREATE TABLE %I (LIKE records INCLUDING ALL)', name);
      EXECUTE format(
        'WITH moved AS (DELETE FROM records_default WHERE finished_at >= %L AND finished_at < %L RETURNING *)
         INSERT INTO %I SELECT * FROM moved', first, next, name);
      EXECUTE format('ALTER TABLE records ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, next);
      RETURN true;
    EXCEPTION WHEN lock_not_available THEN
      RETURN false;
    END $$;

    REVOKE ALL ON FUNCTION make_records_month FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION make_records_month TO ${APP_ROLE};
    GRANT SELECT, INSERT ON records, links, marks TO ${APP_ROLE};
    GRANT SELECT, INSERT, UPDATE (filled_at) ON chain_gaps TO ${APP_ROLE};
    GRANT SELECT, INSERT, UPDATE ON chains, units, yield_hours, yield_days, run_hours, run_days TO ${APP_ROLE};
    GRANT SELECT, INSERT, UPDATE (settled_at, settled_by) ON findings TO ${APP_ROLE};
  `,
} as const;
