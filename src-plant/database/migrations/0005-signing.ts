import { APP_ROLE } from '../migration.ts';

/** Keys by name (never themselves), what each may sign, and what was signed for which unit. */
export const signing = {
  version: 5,
  sql: `
    CREATE TABLE signing_keys (
      name        text PRIMARY KEY,
      kind        text NOT NULL,
      use         text NOT NULL CHECK (use IN ('digest', 'certificate')),
      store       text NOT NULL CHECK (store IN ('hsm', 'development')),
      -- In the store: CKA_ID, hexadecimal.
      reference   text NOT NULL,
      -- SubjectPublicKeyInfo, DER; SHA-256 (hex) of it.
      public_key  bytea NOT NULL,
      key_id      text NOT NULL,
      certificate bytea,
      -- What it signs; null: no limit.
      enabled     boolean NOT NULL,
      products    text[],
      releases    text[],
      stations    text[],
      per_minute  integer,
      quantity    bigint,
      until       timestamptz,
      -- Rows of signatures that have one.
      signed      bigint NOT NULL DEFAULT 0,
      created_by  text NOT NULL,
      created_at  timestamptz NOT NULL,
      UNIQUE (store, reference)
    );

    CREATE TABLE signatures (
      id        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
      station   text NOT NULL,
      -- Of the station's making: asked again with it, the answer is the same.
      request   text NOT NULL,
      key       text NOT NULL REFERENCES signing_keys (name),
      algorithm text NOT NULL,
      digest    text NOT NULL,
      product   text NOT NULL,
      release   text NOT NULL,
      serial    text NOT NULL,
      uid       text,
      -- A place in the key's policy is held from here on, for a minute at most until it is signed.
      asked_at  timestamptz NOT NULL,
      signature bytea,
      signed_at timestamptz,
      PRIMARY KEY (station, request),
      CHECK ((signature IS NULL) = (signed_at IS NULL))
    );
    CREATE INDEX signatures_of_key ON signatures (key, asked_at);
    CREATE INDEX signatures_made ON signatures (key, id) WHERE signed_at IS NOT NULL;
    CREATE INDEX signatures_pending ON signatures (key, asked_at) WHERE signed_at IS NULL;
    CREATE INDEX signatures_of_serial ON signatures (serial);

    -- Made once, and never another.
    CREATE FUNCTION refuse_second_signature() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF OLD.signed_at IS NOT NULL THEN RAISE EXCEPTION 'a signature is never changed'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER signatures_stay BEFORE UPDATE ON signatures FOR EACH ROW EXECUTE FUNCTION refuse_second_signature();

    GRANT SELECT, INSERT ON signing_keys, signatures TO ${APP_ROLE};
    GRANT UPDATE (certificate, enabled, products, releases, stations, per_minute, quantity, until, signed)
      ON signing_keys TO ${APP_ROLE};
    GRANT UPDATE (asked_at, signature, signed_at) ON signatures TO ${APP_ROLE};
  `,
} as const;
