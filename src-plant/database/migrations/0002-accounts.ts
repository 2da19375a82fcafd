import { APP_ROLE } from '../migration.ts';

/**
 * Stations and people: their credentials, their sessions, and what they did. Of every secret only a digest is kept: SHA-256 where
 * the secret is random and long, argon2id where a person thought it up. Instants come from the server's clock, never from now().
 */
export const accounts = {
  version: 2,
  sql: `
    CREATE TABLE stations (
      name         text PRIMARY KEY,
      -- Ed25519 public key, base64url of its 32 bytes; null before the station enrolled.
      public_key   text,
      invited_at   timestamptz NOT NULL,
      invited_by   text NOT NULL,
      enrolled_at  timestamptz,
      -- Null again once it enrolled anew.
      revoked_at   timestamptz,
      -- As the station reported last.
      last_seen_at timestamptz,
      app_version  text,
      pending      bigint,
      oldest_at    timestamptz,
      skew_ms      double precision,
      release      text,
      -- Until when it may work alone, by the newest document it was handed.
      lease_until  timestamptz
    );

    CREATE TABLE enrolment_codes (
      -- SHA-256 (hex) of the code's random part.
      digest  text PRIMARY KEY,
      station text NOT NULL REFERENCES stations (name),
      until   timestamptz NOT NULL,
      used_at timestamptz
    );
    CREATE INDEX enrolment_codes_of_station ON enrolment_codes (station);

    -- Challenges are the plant's own signed statements: only one that was answered leaves a row, so that it is answered once.
    CREATE TABLE answered_challenges (
      digest text PRIMARY KEY,
      until  timestamptz NOT NULL
    );
    CREATE INDEX answered_challenges_until ON answered_challenges (until);

    CREATE TABLE station_sessions (
      -- SHA-256 (hex) of the token.
      digest     text PRIMARY KEY,
      station    text NOT NULL REFERENCES stations (name),
      created_at timestamptz NOT NULL,
      until      timestamptz NOT NULL
    );
    CREATE INDEX station_sessions_of_station ON station_sessions (station);
    CREATE INDEX station_sessions_until ON station_sessions (until);

    CREATE TABLE users (
      name              text PRIMARY KEY,
      roles             text[] NOT NULL,
      -- What a buyer may see; empty for everything.
      products          text[] NOT NULL,
      -- PHC string; null for who signs in elsewhere or only by badge.
      password          text,
      -- SHA-256 (hex) of what the badge says.
      badge             text UNIQUE,
      active            boolean NOT NULL DEFAULT true,
      oidc_issuer       text,
      oidc_subject      text,
      created_at        timestamptz NOT NULL,
      last_signed_in_at timestamptz,
      UNIQUE (oidc_issuer, oidc_subject)
    );
    -- Nobody is somebody else by a capital letter.
    CREATE UNIQUE INDEX users_name_folded ON users (lower(name));

    CREATE TABLE user_sessions (
      digest     text PRIMARY KEY,
      name       text NOT NULL REFERENCES users (name),
      created_at timestamptz NOT NULL,
      used_at    timestamptz NOT NULL,
      -- Whatever its use, it ends here.
      until      timestamptz NOT NULL
    );
    CREATE INDEX user_sessions_of_name ON user_sessions (name);
    CREATE INDEX user_sessions_until ON user_sessions (until);

    -- One row for each name and each remote address that failed lately.
    CREATE TABLE sign_in_failures (
      subject       text PRIMARY KEY,
      failures      integer NOT NULL,
      last_at       timestamptz NOT NULL,
      blocked_until timestamptz NOT NULL
    );
    CREATE INDEX sign_in_failures_last ON sign_in_failures (last_at);

    CREATE TABLE audit_log (
      id     bigint GENERATED ALWAYS AS IDENTITY,
      at     timestamptz NOT NULL,
      who    text NOT NULL,
      action text NOT NULL,
      object text NOT NULL,
      detail jsonb NOT NULL,
      PRIMARY KEY (id, at)
    ) PARTITION BY RANGE (at);
    CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
    CREATE INDEX audit_log_at ON audit_log (at, id);

    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME USING ERRCODE = '42501'; END
    $$;
    CREATE TRIGGER audit_log_is_only_added_to BEFORE UPDATE OR DELETE ON audit_log
      FOR EACH ROW EXECUTE FUNCTION refuse_change();
    CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

    -- People and stations are switched off, never taken away: records and the audit log name them.
    GRANT SELECT, INSERT, UPDATE ON stations, enrolment_codes, users TO ${APP_ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE
      ON answered_challenges, station_sessions, user_sessions, sign_in_failures TO ${APP_ROLE};
    GRANT SELECT, INSERT ON audit_log TO ${APP_ROLE};
  `,
} as const;
