/**
 * A log that went back to an earlier state and was worked with has other records in places that the plant knows already. From
 * the first of them on it is a chain of its own, named by that record's hash.
 */
export const branches = {
  version: 6,
  sql: `
    CREATE TABLE branches (
      -- The last record that both histories have.
      sequence INTEGER PRIMARY KEY CHECK (sequence >= 2),
      hash     TEXT NOT NULL,
      chain    TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER branches_unchanged BEFORE UPDATE ON branches
      BEGIN SELECT RAISE (ABORT, 'a branch is never changed'); END;
    CREATE TRIGGER branches_kept BEFORE DELETE ON branches
      BEGIN SELECT RAISE (ABORT, 'a branch is never deleted'); END;

    DROP VIEW chain_name;
    CREATE VIEW chain_name AS SELECT chain FROM (
      SELECT * FROM (SELECT 0 AS rank, chain FROM branches ORDER BY sequence DESC LIMIT 1)
      UNION ALL SELECT * FROM (SELECT 1, hash FROM records WHERE sequence = 1)
      UNION ALL SELECT * FROM (SELECT 2, chain FROM anchors LIMIT 1)
      UNION ALL SELECT * FROM (SELECT 3, chain FROM chain_heads LIMIT 1)
      UNION ALL SELECT * FROM (SELECT 4, hash FROM gaps WHERE first = 1)
    ) ORDER BY rank LIMIT 1;
  `,
} as const;
