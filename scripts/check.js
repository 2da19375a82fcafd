/** `npm run check`: types, lint, layers, format. Everything runs, so that one call names every fault. */
import { ensurePackages, main, run } from './setup.js';

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
    const code = await run(program, args);
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${Date.now() - started} ms)\n`);
    if (code !== 0) failed.push(name);
  }
  if (failed.length > 0) process.stdout.write(`\nfailed: ${failed.join(', ')}\n`);
  return failed.length === 0 ? 0 : 1;
});
