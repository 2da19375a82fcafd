/** A setting is what its newest change says; who changed it, and when, is never forgotten. */
export const settings = {
  version: 8,
  sql: `
    CREATE TABLE setting_changes (
      id    INTEGER PRIMARY KEY,
      -- A name of model/settings.ts; of a newer Flashline one that this one does not know.
      name  TEXT NOT NULL,
      -- As it was typed.
      value TEXT NOT NULL,
      -- The holder of the badge, or the account of the station's PC.
      by    TEXT NOT NULL,
      -- UTC, ISO 8601.
      at    TEXT NOT NULL
    ) STRICT;
    CREATE INDEX setting_changes_of_name ON setting_changes (name, id);
    CREATE TRIGGER setting_changes_unchanged BEFORE UPDATE ON setting_changes
      BEGIN SELECT RAISE (ABORT, 'who changed a setting is never changed'); END;
    CREATE TRIGGER setting_changes_kept BEFORE DELETE ON setting_changes
      BEGIN SELECT RAISE (ABORT, 'who changed a setting is never forgotten'); END;
  `,
} as const;
