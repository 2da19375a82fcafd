import { callbackify } from 'node:util';
import { Pool, type PoolClient, type QueryResult, types } from 'pg';
import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Database, DatabaseError, type Row, type Sql, type SqlValue } from './database.ts';
import { Hosts } from './hosts.ts';
import { isLost, isRepeatable, sqlError } from './sql-error.ts';

export interface PostgresOptions {
  /** `postgresql://user:password@host:port/database?sslmode=...`; several hosts as hosts.ts says. */
  readonly url: string;
  readonly clock: Clock;
  /** What every connection works as; null for who it signed in as. */
  readonly role?: string | null;
  /** At most so many connections; default 10. */
  readonly connections?: number;
  /** Until a connection is had, new or of the pool; default 5000. */
  readonly connectMs?: number;
  /** A statement's deadline, in the server; default 30 000. */
  readonly statementMs?: number;
}

/** Beyond the server's own deadline: for a server, or a network, that does not even say that it is over. */
const SILENCE_MS = 5000;
/** A transaction that waits for us longer than this has been forgotten. */
const IDLE_IN_TRANSACTION_MS = 30_000;
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 5;

/** Of pg_type: `bigint` and its array. All of ours stay far below 2^53. */
const INT8 = 20;
const INT8_ARRAY = 1016;

/**
 * A pool of connections. Connections that broke are replaced by the next call that needs one: nothing has to be told that
 * PostgreSQL is back.
 */
export function openPostgres(options: PostgresOptions): Database {
  const { clock } = options;
  const hosts = new Hosts(options.url);
  const pool = createPool(options, hosts);
  return {
    kind: 'postgresql',
    query: async (text, values, name) => {
      const client = await connect(pool, hosts);
      return using(client, () => run(client, text, values, name));
    },
    transaction: (work) => repeat(clock, async () => inTransaction(await connect(pool, hosts), work)),
    close: () => pool.end(),
  };
}

function createPool(options: PostgresOptions, hosts: Hosts): Pool {
  const { role, connections = 10, connectMs = 5000, statementMs = 30_000 } = options;
  const pool = new Pool({
    Client: hosts.client(),
    verify: callbackify((client: PoolClient) => hosts.verify(client)),
    max: connections,
    application_name: 'flashline',
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    query_timeout: statementMs + SILENCE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    types: { getTypeParser },
    // Our statements are short, and there are as many compiled expressions in them as there are months: it never pays.
    options: ['-c jit=off', ...(role === undefined || role === null ? [] : [`-c role=${role}`])].join(' '),
  });
  // An idle connection that breaks leaves the pool by itself, whoever comes next gets a new one; of one in use, the statement under
  // way tells its caller, or the next one. Unheard, either would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The driver's own way to read a type, but for `bigint`. */
const getTypeParser: typeof types.getTypeParser = (
  oid: Parameters<typeof types.getTypeParser>[0],
  format?: 'text' | 'binary',
) => {
  const type: number = oid;
  if (type === INT8) return Number;
  if (type === INT8_ARRAY) return parseInt8Array;
  return format === 'binary' ? types.getTypeParser(oid, format) : types.getTypeParser(oid, format);
};

function parseInt8Array(text: string): (number | null)[] {
  return text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((each) => (each === 'NULL' ? null : Number(each)));
}

/** Each server is tried once before the caller is told. */
async function connect(pool: Pool, hosts: Hosts): Promise<PoolClient> {
  for (let tries = 1; ; tries++) {
    const { url } = hosts;
    try {
      return await pool.connect();
    } catch (thrown) {
      hosts.moveOnFrom(url);
      if (tries >= hosts.count) throw sqlError(thrown);
    }
  }
}

/** Gives the connection back; a broken one is thrown away. */
async function using<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  let lost = true;
  try {
    const result = await work();
    lost = false;
    return result;
  } catch (thrown) {
    lost = isLost(thrown);
    throw thrown;
  } finally {
    client.release(lost);
  }
}

async function run(
  client: PoolClient,
  text: string,
  values: readonly SqlValue[] = [],
  name?: string,
): Promise<readonly Row[]> {
  try {
    const result = await client.query<Row>({ text, values: [...values], ...(name === undefined ? {} : { name }) });
    // Several statements in one text give several results.
    const last: QueryResult<Row> | undefined = Array.isArray(result) ? result.at(-1) : result;
    return last?.rows ?? [];
  } catch (thrown) {
    throw sqlError(thrown);
  }
}

function inTransaction<T>(client: PoolClient, work: (sql: Sql) => Promise<T>): Promise<T> {
  return using(client, async () => {
    await run(client, 'BEGIN');
    try {
      const result = await work({ query: (text, values, name) => run(client, text, values, name) });
      await commit(client);
      return result;
    } catch (thrown) {
      if (!isLost(thrown)) await run(client, 'ROLLBACK');
      throw thrown;
    }
  });
}

/** COMMIT of a transaction in which a statement failed is quietly a ROLLBACK: whoever swallowed that error is told here. */
async function commit(client: PoolClient): Promise<void> {
  try {
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT')
      throw new DatabaseError(`the transaction ended with ${command}`, '25P02', null, undefined);
  } catch (thrown) {
    throw sqlError(thrown);
  }
}

async function repeat<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      if (!isRepeatable(thrown)) throw thrown;
      if (attempt === ATTEMPTS) throw new FlashlineError('plant-database', { cause: thrown });
      // Which of the two goes on first is chance enough: PostgreSQL lets one of them through.
      await clock.sleep(FIRST_PAUSE_MS * 2 ** attempt);
    }
  }
}
