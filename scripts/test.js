/**
 * `npm test`: set-up, the Debian programs that the suites are checked against, then every suite.
 * `npm test -- --project unit` runs one; other arguments go to Vitest as they are.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ensurePackages, main, root, run } from './setup.js';
import { debianPrograms } from './programs.js';

/** Foreign programs and browsers keep both cores of a small machine busy; what measures time has it to itself. */
const PHASES = [
  { name: 'unit and bench', projects: ['unit', 'bench'], args: [] },
  { name: 'peers', projects: ['peer'], args: ['--maxWorkers=2'] },
  { name: 'alone, and screens', projects: ['alone', 'e2e'], args: ['--no-file-parallelism'] },
];

await main(async () => {
  await ensurePackages();
  installPrograms();
  const asked = process.argv.slice(2);
  const phases = asked.length > 0 ? [{ name: 'as asked', projects: [], args: asked }] : PHASES;
  /** @type {{ passed: number, failed: number, skipped: number, failures: string[], files: { file: string, ms: number }[] }} */
  const total = { passed: 0, failed: 0, skipped: 0, failures: [], files: [] };
  let worst = 0;
  for (const phase of phases) {
    process.stdout.write(`\n== ${phase.name}\n`);
    const report = join(root, 'node_modules', '.flashline-test.json');
    rmSync(report, { force: true });
    const projects = phase.projects.flatMap((name) => ['--project', name]);
    const code = await run('vitest', [
      'run',
      ...projects,
      ...phase.args,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ]);
    worst = Math.max(worst, code);
    count(report, total);
  }
  tellSlowest(total.files);
  if (total.skipped > 0)
    process.stdout.write(`\n${total.skipped} tests were SKIPPED; the lines that begin with SKIPPED say why.\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  const refused = process.env.FLASHLINE_NO_SKIP === '1' && total.skipped > 0;
  if (refused) process.stdout.write('skipping is forbidden here (FLASHLINE_NO_SKIP=1)\n');
  for (const failure of total.failures) process.stdout.write(`\nFAILED ${failure}\n`);
  return worst !== 0 || refused || total.passed === 0 ? 1 : 0;
});

function count(report, total) {
  if (!existsSync(report)) return;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  total.passed += numPassedTests;
  total.failed += numFailedTests;
  total.skipped += numPendingTests + numTodoTests;
  for (const { name, message, startTime, endTime, assertionResults } of testResults) {
    const file = relative(root, name);
    total.files.push({ file, ms: endTime - startTime });
    if (message) total.failures.push(`${file}\n${message}`);
    for (const { status, fullName, failureMessages } of assertionResults)
      if (status === 'failed') total.failures.push(`${file}: ${fullName}\n${failureMessages.join('\n')}`);
  }
}

/** What a minute saved would have to come from. */
function tellSlowest(files) {
  const slowest = files.toSorted((a, b) => b.ms - a.ms).slice(0, 12);
  process.stdout.write('\nslowest files\n');
  for (const { file, ms } of slowest) process.stdout.write(`${(ms / 1000).toFixed(0).padStart(6)} s  ${file}\n`);
}

/** As root on Debian what is missing is installed; elsewhere it is named, and its suites are skipped loudly. */
function installPrograms() {
  const missing = debianPrograms.filter(
    ({ probe }) => spawnSync('sh', ['-c', probe], { stdio: 'ignore' }).status !== 0,
  );
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  const mayInstall = existsSync('/etc/debian_version') && process.getuid?.() === 0;
  if (!mayInstall) {
    process.stdout.write(
      `SKIPPED suites ahead: missing ${packages.join(', ')}. On Debian: sudo apt-get install ${packages.join(' ')}\n`,
    );
    return;
  }
  process.stdout.write(`Installing from Debian: ${packages.join(' ')}\n`);
  const apt = (args) =>
    spawnSync('apt-get', ['-y', '-q', ...args], {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status;
  if (apt(['update']) !== 0 || apt(['install', '--no-install-recommends', ...packages]) !== 0) {
    process.stdout.write('apt-get failed; the suites that need these programs will be SKIPPED.\n');
  }
}
