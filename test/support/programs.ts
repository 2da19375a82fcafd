import { execFileSync } from 'node:child_process';
import { debianPrograms } from '../../scripts/programs.js';

/**
 * True when every program is there. Otherwise says loudly what is missing; with FLASHLINE_NO_SKIP=1 (CI) it throws,
 * so that a suite can be skipped only where somebody decided that it may.
 */
export function requirePrograms(programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return true;
  const packages = missing.map((name) => debianPrograms.find(({ program }) => program === name)?.debian ?? name);
  const message = `missing ${missing.join(', ')}: apt-get install ${packages.join(' ')}`;
  if (process.env['FLASHLINE_NO_SKIP'] === '1') throw new Error(message);
  process.stderr.write(`\nSKIPPED: ${message}\n`);
  return false;
}

function isInstalled(program: string): boolean {
  const probe = debianPrograms.find((entry) => entry.program === program)?.probe ?? `command -v ${program}`;
  try {
    execFileSync('sh', ['-c', probe], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
