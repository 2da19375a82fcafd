/** What can be handed to the database as `$1`, `$2`, ...; arrays become PostgreSQL arrays (name their type in the SQL). */
export type SqlValue =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly (string | number | boolean | null)[];

/** One row, its columns by name. `bigint` columns come as numbers (all of ours stay far below 2^53), times as Date. */
export type Row = Readonly<Record<string, unknown>>;

export interface Sql {
  /**
   * One statement, values always apart from its text; only without values it may be several. `name` makes it a prepared statement of its connection. Rejects with
   * `plant-database` when the database cannot be reached or is shutting down; what the SQL itself breaks (a constraint) comes as DatabaseError.
   */
  query(text: string, values?: readonly SqlValue[], name?: string): Promise<readonly Row[]>;
}

/** A pool of connections to PostgreSQL, or PGlite inside this process: the same SQL for both. */
export interface Database extends Sql {
  readonly kind: 'postgresql' | 'pglite';
  /** Commits when `work` resolves, else rolls back. Tried again on serialisation failures and deadlocks, so `work` must bear repetition. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A statement that the database refused. `code` is SQLSTATE (`23505`: a unique constraint). */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: string;
  readonly constraint: string | null;

  constructor(message: string, code: string, constraint: string | null, cause: unknown) {
    super(message, { cause });
    this.code = code;
    this.constraint = constraint;
  }
}
