import type { Database } from 'better-sqlite3';
import { FlashlineError } from '#shared/model/failure.ts';
import { runsAndRecords } from './migrations/0001-runs-and-records.ts';
import { queries } from './migrations/0002-queries.ts';
import { safety } from './migrations/0003-safety.ts';
import { plant } from './migrations/0004-plant.ts';
import { fewerIndexes } from './migrations/0005-fewer-indexes.ts';
import { branches } from './migrations/0006-branches.ts';
import { numbers } from './migrations/0007-numbers.ts';
import { settings } from './migrations/0008-settings.ts';

export interface Migration {
  /** Consecutive from 1. */
  readonly version: number;
  readonly sql: string;
  /** Rows of the new shape that SQL alone cannot make of the old ones. */
  readonly fill?: (database: Database) => void;
}

export const MIGRATIONS: readonly Migration[] = [
  runsAndRecords,
  queries,
  safety,
  plant,
  fewerIndexes,
  branches,
  numbers,
  settings,
];

/**
 * Brings the file to the newest shape, all in one transaction: two processes may open a new log at once, and the
 * second one finds the work done. Throws `log-damaged` on a file from a newer Flashline.
 */
export function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): void {
  const newest = migrations.at(-1)?.version ?? 0;
  const versionOf = () => Number(database.pragma('user_version', { simple: true }));
  // Looked at before it is locked: a log of the newest shape is opened without waiting for anybody.
  if (versionOf() === newest) return;
  const run = database.transaction(() => {
    const version = versionOf();
    if (version > newest) {
      const detail = `its format is ${version}, this Flashline knows up to ${newest}`;
      throw new FlashlineError('log-damaged', { params: { file: database.name, detail } });
    }
    for (const { sql, fill } of migrations.filter((each) => each.version > version)) {
      database.exec(sql);
      fill?.(database);
    }
    database.pragma(`user_version = ${newest}`);
  });
  run.immediate();
}
