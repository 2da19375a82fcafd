import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineConfig } from 'vite';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PACKAGES = ['better-sqlite3', 'serialport', 'usb', 'node-hid'];

export default defineConfig({
  root: ROOT,
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
    target: 'node24',
    minify: false,
    rolldownOptions: {
      input: {
        'kill-worker': join(import.meta.dirname, 'kill-worker.ts'),
        'log-thread': join(ROOT, 'src-main', 'app', 'log-thread.ts'),
      },
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      external: PACKAGES,
    },
  },
});
