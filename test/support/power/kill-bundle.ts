import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { ROOT } from '#test/support/cli.ts';

const PACKAGES = ['better-sqlite3', 'serialport', 'usb', 'node-hid'];

/**
 * kill-worker.ts and the log's thread as one script each: a start takes a tenth of what it takes from TypeScript. Answers where the
 * worker stands.
 */
export async function bundleKillWorker(): Promise<string> {
  const out = join(ROOT, 'node_modules', '.cache', 'flashline', 'kill-worker');
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    publicDir: false,
    ssr: { noExternal: true, external: PACKAGES },
    plugins: [
      {
        // Chips and flash algorithms are found from where the source stands; the thread from where the bundle does.
        name: 'source-urls',
        transform: (code, id) =>
          id.endsWith('compose-home.ts')
            ? null
            : code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)),
      },
    ],
    build: {
      ssr: true,
      outDir: out,
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      rolldownOptions: {
        input: {
          'kill-worker': join(ROOT, 'test/support/power/kill-worker.ts'),
          'log-thread': join(ROOT, 'src-main/app/log-thread.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
        external: PACKAGES,
      },
    },
  });
  return join(out, 'kill-worker.js');
}
