import { join } from 'node:path';
import { defineConfig } from 'vite';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/** What brings binaries of its own, and stays a package beside the bundle. */
const EXTERNAL = ['better-sqlite3', 'serialport', 'usb', 'node-hid', 'bufferutil', 'utf-8-validate'];

/** No probe is plugged into a plant's server. */
const isPlant = (id: string): boolean => id.includes('src-plant/') || id.startsWith('#plant/');

export default defineConfig({
  root: ROOT,
  publicDir: false,
  ssr: { noExternal: true, external: EXTERNAL },
  build: {
    ssr: true,
    target: 'node24',
    minify: false,
    rolldownOptions: {
      input: {
        cli: join(ROOT, 'src-main', 'app', 'cli.ts'),
        'log-thread': join(ROOT, 'src-main', 'app', 'log-thread.ts'),
        'in-runner': join(import.meta.dirname, 'flashline-in-runner.ts'),
      },
      external: (id) => EXTERNAL.includes(id) || isPlant(id),
      output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
    },
  },
});
