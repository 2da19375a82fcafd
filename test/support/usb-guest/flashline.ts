import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { ROOT } from '#test/support/cli.ts';
import { allowingUnsigned } from '#test/support/unsigned.ts';

/** What brings binaries of its own, and stays a package beside the bundle. */
const EXTERNAL = ['better-sqlite3', 'serialport', 'usb', 'node-hid', 'bufferutil', 'utf-8-validate'];

/** No probe is plugged into a plant's server. */
const isPlant = (id: string): boolean => id.includes('src-plant/') || id.startsWith('#plant/');

/** On an emulated processor, compiling what runs once costs more than it saves: half of the start. */
const QUICK_START = ['--no-opt', '--max-lazy', '--single-threaded'];

/**
 * Puts the command line and the log's thread into `out` as a few files: an emulated machine takes several seconds to read the
 * hundreds of the sources. Resolves to the words that start it in the guest.
 */
export async function flashlineForGuest(out: string): Promise<readonly string[]> {
  const root = join(out, 'flashline');
  await mkdir(root);
  for (const name of ['resources', 'package.json', 'node_modules']) await symlink(join(ROOT, name), join(root, name));
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    publicDir: false,
    ssr: { noExternal: true, external: EXTERNAL },
    build: {
      ssr: true,
      // As deep as the source: the command line finds its resources from there.
      outDir: join(root, 'src-main', 'app'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      rolldownOptions: {
        input: {
          cli: join(ROOT, 'src-main', 'app', 'cli.ts'),
          'log-thread': join(ROOT, 'src-main', 'app', 'log-thread.ts'),
        },
        external: (id) => EXTERNAL.includes(id) || isPlant(id),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
      },
    },
  });
  const node = join(ROOT, 'node_modules', 'node', 'bin', 'node');
  return [...allowingUnsigned(), node, ...QUICK_START, '/out/flashline/src-main/app/cli.js'];
}
