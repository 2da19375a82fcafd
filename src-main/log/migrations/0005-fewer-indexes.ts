/**
 * A unit's passes are found among its few records, by the indexes of all records by serial and by hardware id: two indexes fewer
 * to keep, one of them in the order of ids that have none, for a page of which each record had the disk read and written.
 */
export const fewerIndexes = {
  version: 5,
  sql: `
    DROP INDEX passes_of_serial;
    DROP INDEX passes_of_uid;
  `,
} as const;
