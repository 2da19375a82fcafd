/** `npm run bench`: prints the figures as JSON and as a table, beside the last ones, and appends them to the history. */
import { join } from 'node:path';
import { ensurePackages, main, root, runPinned } from './setup.js';

await main(async () => {
  await ensurePackages();
  return runPinned([join(root, 'test', 'figures', 'run.ts'), ...process.argv.slice(2)]);
});
