/** A process of the number tests: takes numbers until there are none or it is killed, and says each one that it has. */
import { writeSync } from 'node:fs';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqlitePlantStore } from '#main/log/sqlite-plant-store.ts';
import { standingClock } from './fixtures.ts';

const [file = '', at = '0'] = process.argv.slice(2);
const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
const store = new SqlitePlantStore(database);
for (;;) {
  const taken = await store.takeNumber('serials', Number(at));
  if (taken === null) break;
  writeSync(1, `${taken.text}\n`);
}
database.close();
