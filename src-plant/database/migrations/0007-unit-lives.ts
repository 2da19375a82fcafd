/**
 * A unit's key has with it between which instants the unit lived: a trace, which asks for those first, need not fetch the unit's
 * row, that no other trace has brought into memory. The same name, and no more indexes than before.
 */
export const unitLives = {
  version: 7,
  sql: `
    -- Beside the old one: until it is built, units are read, but none changes. On a large plant it is made without that beforehand
    -- (docs/operations.md).
    CREATE UNIQUE INDEX IF NOT EXISTS units_key ON units (serial, product, process) INCLUDE (begun_at, last_at);
    ALTER TABLE units DROP CONSTRAINT units_pkey, ADD CONSTRAINT units_pkey PRIMARY KEY USING INDEX units_key;
  `,
} as const;
