import { createHash } from 'node:crypto';
import { existsSync, openAsBlob, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { realClock } from '#main/app/real-clock.ts';
import type { Database } from '#plant/database/database.ts';
import { openDatabase } from '#plant/database/open-database.ts';
import { ROOT } from '../cli.ts';

const CACHE = join(ROOT, 'node_modules', '.cache', 'flashline', 'plant-database');
const SHAPE = join(ROOT, 'src-plant', 'database');

/** A plant's database in memory, ready for the server. */
export async function openMemoryDatabase(): Promise<Database> {
  return openDatabase({ folder: null, content: await migratedDatabase() }, { clock: realClock });
}

/**
 * PGlite's dump of an empty plant's database. Making a cluster and its tables takes three times as long as loading them, so
 * it is made once and kept by what it is made of: whatever opens it still checks its shape.
 */
export async function migratedDatabase(): Promise<Blob> {
  const kept = join(CACHE, `${digest()}.tar`);
  if (!existsSync(kept)) await make(kept);
  return openAsBlob(kept);
}

async function make(kept: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), 'flashline-database-'));
  try {
    const dataDir = join(work, 'data');
    await (await openDatabase({ folder: dataDir }, { clock: realClock })).close();
    const pglite = await PGlite.create({ dataDir });
    const dump = await pglite.dumpDataDir('none');
    await pglite.close();
    // Two that make it at once end with the same.
    const own = join(CACHE, `${process.pid}.tmp`);
    await writeFile(own, dump.stream());
    await rename(own, kept);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function digest(): string {
  const hash = createHash('sha256');
  const migrations = readdirSync(join(SHAPE, 'migrations')).map((name) => join(SHAPE, 'migrations', name));
  const pglite = join(ROOT, 'node_modules', '@electric-sql', 'pglite', 'package.json');
  for (const path of [...migrations.toSorted(), join(SHAPE, 'migrate.ts'), pglite]) hash.update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}
