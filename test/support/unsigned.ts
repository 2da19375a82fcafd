import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** As `flashline release trust unsigned allow` leaves it. */
const ALLOWED = JSON.stringify({ schema: 1, keys: [], unsigned: { by: 'tests', at: '2026-01-01T00:00:00.000Z' } });
const FILE = join('keys', 'release-keys.json');
const RUNS: ReadonlySet<string | undefined> = new Set(['flash', 'gang', 'serve']);

/** Before a command that runs releases: most tests are of recipes' folders, on probes that are not the bench's. */
export function allowUnsigned(home: string, [command]: readonly string[]): void {
  const file = join(home, FILE);
  if (!RUNS.has(command) || existsSync(file)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, ALLOWED);
}

/** The same in an emulated PC: the words before a command there. */
export function allowingUnsigned(): readonly string[] {
  const file = `$FLASHLINE_HOME/${FILE}`;
  return [
    'sh',
    '-ec',
    `test -e ${file} || { mkdir -p ${dirname(file)}; echo '${ALLOWED}' > ${file}; }; exec "$@"`,
    'sh',
  ];
}
