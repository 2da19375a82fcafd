import { APP_ROLE } from '../migration.ts';

/** One row: which key this plant's servers sign with, so that one with another key is told before it signs anything. */
export const plantKey = {
  version: 4,
  sql: `
    CREATE TABLE plant_key (
      one        boolean PRIMARY KEY DEFAULT true CHECK (one),
      -- RFC 7638 thumbprint of the public key, and its x (RFC 8037).
      key_id     text NOT NULL,
      public_key text NOT NULL,
      -- SHA-256 (hex) of the TLS key that servers made themselves, which stations pin; null while none did.
      tls_key    text,
      since      timestamptz NOT NULL
    );
    GRANT SELECT, INSERT, UPDATE ON plant_key TO ${APP_ROLE};
  `,
} as const;
