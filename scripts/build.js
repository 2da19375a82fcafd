/**
 * `npm run build`: the station's screens (dist/renderer, by vite.config.ts), the plant's pages (dist/plant, by
 * vite.plant.config.ts), and Electron's main and preload scripts (dist/electron).
 * `--only renderer`, `--only plant` or `--only electron` builds one part; `--out FOLDER` builds elsewhere than in dist.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'vite';

// Whoever calls: a development build of the screens adds style text that the policy refuses.
process.env.NODE_ENV = 'production';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { only: { type: 'string' }, out: { type: 'string', default: 'dist' } } });
const out = resolve(root, values.out);

/** What stays a package beside the bundle: Electron itself, and what brings binaries of its own. */
const EXTERNAL = ['electron', 'better-sqlite3', 'node-hid', 'serialport', 'usb'];

/**
 * ESM for Electron's Node: the first Electron with ESM main scripts is long past. The log's worker thread is a script of its
 * own beside main.js, which finds it by name (src-main/app/compose-home.ts).
 */
function buildMain() {
  return build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    ssr: { noExternal: true, external: EXTERNAL },
    build: {
      ssr: true,
      outDir: join(out, 'electron'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      sourcemap: true,
      rolldownOptions: {
        input: {
          main: join(root, 'src-main/app/electron.ts'),
          'log-thread': join(root, 'src-main/app/log-thread.ts'),
          'backup-thread': join(root, 'src-main/app/backup-thread.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
        // An accessory of ws that only servers for very many clients want.
        external: [...EXTERNAL, 'bufferutil', 'utf-8-validate'],
      },
    },
  });
}

/** One CommonJS file: a sandboxed preload can require nothing but a few modules of Electron's own. */
function buildPreload() {
  return build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    build: {
      lib: { entry: join(root, 'src-main/app/preload.ts'), formats: ['cjs'], fileName: () => 'preload.cjs' },
      outDir: join(out, 'electron'),
      emptyOutDir: false,
      target: 'es2022',
      minify: false,
      rolldownOptions: { external: ['electron'], output: { codeSplitting: false } },
    },
  });
}

function buildPages(config, folder) {
  return build({
    configFile: join(root, config),
    logLevel: 'warn',
    build: { outDir: join(out, folder), emptyOutDir: true },
  });
}

const parts = {
  async electron() {
    await buildMain();
    await buildPreload();
  },
  renderer: () => buildPages('vite.config.ts', 'renderer'),
  plant: () => buildPages('vite.plant.config.ts', 'plant'),
};
for (const [name, make] of Object.entries(parts)) if (values.only === undefined || values.only === name) await make();
