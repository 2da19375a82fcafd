import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Compiles the test's flash algorithm into `folder`; its bytes. */
export function buildFlm(folder: string): Uint8Array {
  const out = join(folder, 'nrf51.flm');
  const here = (name: string) => join(import.meta.dirname, name);
  const flags = ['-mcpu=cortex-m0', '-mthumb', '-Os', '-ffreestanding', '-nostdlib', '-Wall', '-Werror'];
  const link = [`-Wl,-T,${here('flm.ld')}`, '-Wl,--entry=0', '-Wl,--build-id=none'];
  execFileSync('arm-none-eabi-gcc', [...flags, ...link, '-o', out, here('nrf51.c')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Uint8Array(readFileSync(out));
}
