import { join } from 'node:path';
import { bundle } from '#test/support/bundle.ts';
import { ROOT } from '#test/support/cli.ts';

/**
 * kill-worker.ts and the log's thread as one script each: a start takes a tenth of what it takes from TypeScript. Answers where the
 * worker stands.
 */
export async function bundleKillWorker(): Promise<string> {
  const out = join(ROOT, 'node_modules', '.cache', 'flashline', 'kill-worker');
  await bundle(join(import.meta.dirname, 'kill-bundle.vite.config.ts'), out);
  return join(out, 'kill-worker.js');
}
