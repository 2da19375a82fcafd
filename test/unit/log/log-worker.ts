/** A process of the crash tests: makes runs until it is told to stop or killed, and says what is on disk. */
import { writeSync } from 'node:fs';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { draft, openAt, opening } from './fixtures.ts';

const [file = '', name = '', count = '0'] = process.argv.slice(2);
const log = openAt(file, processesOfThisMachine());
for (let i = 0; i < Number(count); i++) {
  const run = `${name}-${i}`;
  await log.begin(opening(run));
  writeSync(1, `begun ${run}\n`);
  await log.journal(run, { kind: 'change', operation: 'erase', at: new Date().toISOString() });
  await log.finish(draft(run));
  writeSync(1, `finished ${run}\n`);
}
await log.close();
