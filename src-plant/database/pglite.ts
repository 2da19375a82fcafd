import { PGlite, types } from '@electric-sql/pglite';
import { type Database, type Row, type SqlValue } from './database.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { sqlError } from './sql-error.ts';

/** What of PGlite and of its transactions runs statements. */
interface Runner {
  query(text: string, values: unknown[], options: object): Promise<{ readonly rows: unknown[] }>;
  exec(text: string, options: object): Promise<{ readonly rows: unknown[] }[]>;
}

/** `bigint` as a number also beyond 2^53, as the other driver has it. */
const OPTIONS = { parsers: { [types.INT8]: Number } };

/** A folder, or memory (null): empty, or with what PGlite's own dump of a database holds. */
export type PGlitePlace = { readonly folder: string } | { readonly folder: null; readonly content?: Blob };

/**
 * PostgreSQL inside this process. It has one connection: transactions follow each other, and
 * a deadlock cannot happen. Throws `state-conflict` for a folder that another process has open. It has no deadlines: nobody else can hold what a statement waits for.
 */
export async function openPGlite(place: PGlitePlace): Promise<Database> {
  const lock = place.folder === null ? null : await lockFolder(place.folder);
  const pglite = await opened(place, lock);
  return {
    kind: 'pglite',
    query: (text, values) => run(pglite, text, values),
    transaction: async (work) => {
      try {
        return await pglite.transaction(async (inside) => {
          const result = await work({ query: (text, values) => run(inside, text, values) });
          // Fails where a statement failed and nobody was told: COMMIT would quietly be a ROLLBACK.
          await run(inside, 'SELECT 1');
          return result;
        });
      } catch (thrown) {
        throw sqlErrorOrOwn(thrown);
      }
    },
    close: async () => {
      try {
        await pglite.close();
      } finally {
        await lock?.release();
      }
    },
  };
}

async function opened(place: PGlitePlace, lock: FolderLock | null): Promise<PGlite> {
  try {
    if (place.folder !== null) return await PGlite.create({ dataDir: place.folder });
    return await PGlite.create(place.content === undefined ? {} : { loadDataDir: place.content });
  } catch (thrown) {
    await lock?.release();
    throw sqlError(thrown);
  }
}

async function run(runner: Runner, text: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
  try {
    // Only without values may a text be several statements.
    const result =
      values.length === 0 ? (await runner.exec(text, OPTIONS)).at(-1) : await runner.query(text, [...values], OPTIONS);
    return (result?.rows ?? []).filter((row): row is Row => typeof row === 'object' && row !== null);
  } catch (thrown) {
    throw sqlError(thrown);
  }
}

/** What `work` threw stays what it was; COMMIT itself may fail too. */
function sqlErrorOrOwn(thrown: unknown): unknown {
  return thrown instanceof Error && 'severity' in thrown ? sqlError(thrown) : thrown;
}
