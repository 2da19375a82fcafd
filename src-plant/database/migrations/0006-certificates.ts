import { APP_ROLE } from '../migration.ts';

/** Certificates that the plant's keys issue: the same rows as signatures of digests, with what was issued. */
export const certificates = {
  version: 6,
  sql: `
    -- DER; its digest is that of what was asked for.
    ALTER TABLE signatures ADD COLUMN certificate bytea;
    GRANT UPDATE (certificate) ON signatures TO ${APP_ROLE};
  `,
} as const;
