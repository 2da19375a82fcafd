import { APP_ROLE } from '../migration.ts';

/**
 * What stations work by: releases, work orders, numbers; and the links that show buyers what they bought. Packages stand apart
 * from their releases, so that a list of releases never reads a package.
 */
export const catalog = {
  version: 3,
  sql: `
    CREATE TABLE releases (
      digest       text PRIMARY KEY,
      product      text NOT NULL,
      revision     text NOT NULL,
      version      text NOT NULL,
      -- The process step that it is of: what a work order counts.
      process      text NOT NULL,
      state        text NOT NULL CHECK (state IN ('uploaded', 'approved', 'published', 'withdrawn')),
      -- Of the package.
      size         bigint NOT NULL,
      sha256       text NOT NULL,
      images       jsonb NOT NULL,
      uploaded_by  text NOT NULL,
      uploaded_at  timestamptz NOT NULL,
      approved_by  text,
      approved_at  timestamptz,
      published_by text,
      published_at timestamptz,
      withdrawn_by text,
      withdrawn_at timestamptz,
      reason       text,
      CONSTRAINT second_person CHECK (approved_by <> uploaded_by),
      CONSTRAINT approved_before_published CHECK (state <> 'published' OR approved_by IS NOT NULL)
    );
    CREATE INDEX releases_by_age ON releases (uploaded_at, digest);

    CREATE TABLE packages (
      digest text PRIMARY KEY REFERENCES releases (digest),
      bytes  bytea NOT NULL
    );
    -- Zips do not get smaller by another try.
    ALTER TABLE packages ALTER COLUMN bytes SET STORAGE EXTERNAL;

    CREATE TABLE orders (
      id         text PRIMARY KEY,
      product    text NOT NULL,
      release    text NOT NULL REFERENCES releases (digest),
      quantity   bigint NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL,
      closed_by  text,
      closed_at  timestamptz
    );
    CREATE INDEX orders_open ON orders (created_at) WHERE closed_at IS NULL;

    CREATE TABLE pools (
      id         text PRIMARY KEY,
      kind       text NOT NULL CHECK (kind IN ('serial', 'mac')),
      product    text,
      prefix     text NOT NULL,
      digits     integer NOT NULL,
      first      bigint NOT NULL,
      last       bigint NOT NULL,
      block      bigint NOT NULL,
      -- The first that was never leased; last + 1 when there is none.
      next       bigint NOT NULL,
      -- The same numbers with the prefix's own last digits counted in: A1 and 2 digits are A and 3 digits. Pools whose base
      -- and places are the same make the same serials where these meet.
      base       text NOT NULL,
      places     integer NOT NULL,
      low        numeric NOT NULL,
      high       numeric NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL,
      CHECK (first <= last AND next BETWEEN first AND last + 1)
    );

    CREATE TABLE leases (
      id         text PRIMARY KEY,
      pool       text NOT NULL REFERENCES pools (id),
      station    text NOT NULL,
      -- By which the station asked: asking again gives this lease again.
      key        text NOT NULL,
      first      bigint NOT NULL,
      last       bigint NOT NULL,
      -- The first that the station did not take yet, as it said last.
      next       bigint NOT NULL,
      issued_at  timestamptz NOT NULL,
      until      timestamptz NOT NULL,
      -- When the station said that it takes no more of it.
      over_at    timestamptz,
      -- NumberLease, as it was signed.
      jws        text NOT NULL,
      UNIQUE (station, pool, key),
      CHECK (first <= last AND next BETWEEN first AND last + 1)
    );
    CREATE INDEX leases_of_pool ON leases (pool, issued_at);

    -- What stations gave back unused, to be leased again before anything new.
    CREATE TABLE returned_numbers (
      pool  text NOT NULL REFERENCES pools (id),
      first bigint NOT NULL,
      last  bigint NOT NULL,
      PRIMARY KEY (pool, first),
      CHECK (first <= last)
    );

    -- One row: the number of the newest station document.
    CREATE TABLE document_serial (
      one    boolean PRIMARY KEY DEFAULT true CHECK (one),
      serial bigint NOT NULL
    );
    INSERT INTO document_serial (serial) VALUES (0);

    CREATE TABLE buyer_links (
      id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      -- SHA-256 (hex) of its secret.
      digest     text NOT NULL UNIQUE,
      products   text[] NOT NULL,
      note       text NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL,
      until      timestamptz NOT NULL,
      revoked_by text,
      revoked_at timestamptz
    );

    -- What whoever settled it found out.
    ALTER TABLE findings ADD COLUMN note text;

    GRANT SELECT, INSERT, UPDATE ON releases, orders, pools, leases, buyer_links TO ${APP_ROLE};
    GRANT SELECT, INSERT ON packages TO ${APP_ROLE};
    GRANT SELECT, INSERT, DELETE ON returned_numbers TO ${APP_ROLE};
    GRANT SELECT, UPDATE ON document_serial TO ${APP_ROLE};
    GRANT UPDATE (note) ON findings TO ${APP_ROLE};
  `,
} as const;
