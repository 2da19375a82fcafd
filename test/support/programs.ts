import { execFileSync } from 'node:child_process';

/** Which Debian package brings a program; `npm test` installs them where it may (scripts/test.js). */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  chromium: 'chromium',
  'qemu-system-arm': 'qemu-system-arm',
  'gdb-multiarch': 'gdb-multiarch',
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi',
  'arm-none-eabi-objcopy': 'binutils-arm-none-eabi',
  openocd: 'openocd',
  srec_cat: 'srecord',
};

/**
 * True when every program is there. Otherwise says loudly what is missing; with FLASHLINE_NO_SKIP=1 (CI) it throws,
 * so that a suite can be skipped only where somebody decided that it may.
 */
export function requirePrograms(programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return true;
  const message = `missing ${missing.join(', ')}: apt-get install ${missing.map((name) => PACKAGE_OF[name] ?? name).join(' ')}`;
  if (process.env['FLASHLINE_NO_SKIP'] === '1') throw new Error(message);
  process.stderr.write(`\nSKIPPED: ${message}\n`);
  return false;
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
