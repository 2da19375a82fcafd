import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '#test/support/bundle.ts';
import { ROOT } from '#test/support/cli.ts';
import { allowingUnsigned } from '#test/support/unsigned.ts';

/** Where the bundle lies in the guest: as deep as the source, because the command line finds its resources from there. */
const APP = 'flashline/src-main/app';

/**
 * Interpreted alone: code that is compiled while it runs is emulated anew each time. Half of a start, and half of a first flash, of
 * what they cost compiled; `--jitless` takes as long again for the third.
 */
export const QUICK_START = ['--no-opt', '--no-sparkplug'];

/** The words that start it as a process of its own. Most commands need none: `Guest.flashline`. */
export const FLASHLINE_PROCESS: readonly string[] = [
  ...allowingUnsigned(),
  join(ROOT, 'node_modules', 'node', 'bin', 'node'),
  ...QUICK_START,
  `/out/${APP}/cli.js`,
];

/** What the guest's runner loads to carry commands out itself. */
export const FLASHLINE_MODULE = `/out/${APP}/in-runner.js`;

/**
 * Puts the command line and the log's thread into the guest's `out` as a few files: an emulated machine takes several
 * seconds to read the hundreds of the sources.
 */
export async function bundleFlashline(out: string): Promise<void> {
  const root = join(out, 'flashline');
  await mkdir(root);
  for (const name of ['resources', 'package.json', 'node_modules']) await symlink(join(ROOT, name), join(root, name));
  await bundle(join(import.meta.dirname, 'flashline.vite.config.ts'), join(out, APP));
}
