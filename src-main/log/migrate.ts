import type { Database } from 'better-sqlite3';
import { FlashlineError } from '#shared/model/failure.ts';
import { runsAndRecords } from './migrations/0001-runs-and-records.ts';

export interface Migration {
  /** Consecutive from 1. */
  readonly version: number;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [runsAndRecords];

/**
 * Brings the file to the newest shape, all in one transaction: two processes may open a new log at once, and the
 * second one finds the work done. Throws `log-damaged` on a file from a newer Flashline.
 */
export function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): void {
  const newest = migrations.at(-1)?.version ?? 0;
  const run = database.transaction(() => {
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version > newest) {
      const detail = `its format is ${version}, this Flashline knows up to ${newest}`;
      throw new FlashlineError('log-damaged', { params: { file: database.name, detail } });
    }
    for (const migration of migrations.filter((each) => each.version > version)) database.exec(migration.sql);
    database.pragma(`user_version = ${newest}`);
  });
  run.immediate();
}
