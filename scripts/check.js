/** `npm run check`: types, lint, layers, format. Everything runs, so that one call names every fault. */
import { spawnSync } from 'node:child_process';
import { ensurePackages, main, pinnedEnvironment, root } from './setup.js';

/** @type {[name: string, program: string, args: string[]][]} */
const CHECKS = [
  ['types', 'tsc', []],
  ['lint', 'oxlint', ['--type-aware', '--quiet']],
  [
    'layers',
    'depcruise',
    ['--config', '.dependency-cruiser.js', 'src-shared', 'src-main', 'src-renderer', 'src-plant'],
  ],
  ['format', 'oxfmt', ['--check']],
];

await main(async () => {
  await ensurePackages();
  const failed = [];
  for (const [name, program, args] of CHECKS) {
    const started = Date.now();
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: root,
      env: pinnedEnvironment(),
      encoding: 'utf8',
    });
    if (status !== 0) {
      process.stdout.write(`${stdout}${stderr}`);
      failed.push(name);
    }
    process.stdout.write(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${Date.now() - started} ms)\n`);
  }
  if (failed.length > 0) process.stdout.write(`\nfailed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
});
