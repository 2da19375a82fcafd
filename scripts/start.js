/** `npm start`: from a fresh clone to a station on the screen. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuild, ensurePackages, main, root, run, runPinned } from './setup.js';

/** Electron's package downloads its binary on first use; path.txt is written when it has. */
function electronBinary() {
  const folder = join(root, 'node_modules', 'electron');
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile)) return undefined;
  const binary = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(binary) ? binary : undefined;
}

await main(async () => {
  await ensurePackages();
  ensureBuild();
  const electron = electronBinary();
  const args = process.argv.slice(2);
  if (electron !== undefined && !args.includes('--browser')) {
    process.stderr.write('Starting the Electron shell: its binary is installed.\n');
    return run(electron, [root, ...args]);
  }
  const why =
    electron === undefined
      ? 'the Electron binary is not installed (npx install-electron fetches it)'
      : '--browser was asked for';
  process.stderr.write(`Starting the browser shell: ${why}.\n`);
  return runPinned([
    join(root, 'src-main', 'app', 'cli.ts'),
    'serve',
    '--open',
    ...args.filter((arg) => arg !== '--browser'),
  ]);
});
