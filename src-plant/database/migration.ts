/** One step of the database's shape: a file of its own in `migrations`, never changed once a plant has run it. */
export interface Migration {
  /** Consecutive from 1. */
  readonly version: number;
  /**
   * Any number of statements, run in one transaction as OWNER_ROLE. They grant the tables they make to APP_ROLE: what the
   * server does with each, and no more.
   */
  readonly sql: string;
}

/** Owns every table and function; changes the shape of the database, and serves nobody. */
export const OWNER_ROLE = 'flashline_owner';
/** What the server works as. */
export const APP_ROLE = 'flashline_app';
