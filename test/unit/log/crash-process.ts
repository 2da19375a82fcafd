/** A process of the crash tests: makes runs until it is told to stop or killed, and says what is on disk. */
import { writeSync } from 'node:fs';
import { openLogOf } from '#main/app/compose-home.ts';
import { draft, opening } from './fixtures.ts';

const [home = '', name = '', count = '0'] = process.argv.slice(2);
const log = await openLogOf(home);
for (let i = 0; i < Number(count); i++) {
  const run = `${name}-${i}`;
  await log.begin(opening(run));
  writeSync(1, `begun ${run}\n`);
  await log.journal(run, [
    { kind: 'change', operation: JSON.stringify({ op: 'erase' }), at: new Date().toISOString() },
  ]);
  await log.finish(draft(run));
  writeSync(1, `finished ${run}\n`);
}
await log.close();
