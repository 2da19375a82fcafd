import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { ROOT } from '#test/support/cli.ts';

/** What brings binaries of its own, and stays a package beside the bundle. */
const EXTERNAL = ['better-sqlite3', 'serialport', 'usb', 'node-hid', 'bufferutil', 'utf-8-validate'];

/** On an emulated processor, compiling what runs once costs more than it saves: half of the start. */
const QUICK_START = ['--no-opt', '--max-lazy', '--single-threaded'];

/**
 * Puts the command line into `out` as one file: an emulated machine takes several seconds to read the two hundred of the
 * sources. Resolves to the words that start it in the guest.
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
      ssr: join(ROOT, 'src-main', 'app', 'cli.ts'),
      // As deep as the source: the command line finds its resources from there.
      outDir: join(root, 'src-main', 'app'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      rolldownOptions: { external: EXTERNAL, output: { format: 'es', codeSplitting: false } },
    },
  });
  const node = join(ROOT, 'node_modules', 'node', 'bin', 'node');
  return [node, ...QUICK_START, '/out/flashline/src-main/app/cli.js'];
}
