import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { START_CODE, START_LITERALS, startCode } from '#main/target/open-gdb-start.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { repositoryFile } from '#test/support/nrf51.ts';

describe.skipIf(!requirePrograms(['arm-none-eabi-gcc', 'arm-none-eabi-objcopy']))('what runs on a chip', () => {
  it('is rebuilt from its source byte for byte', () => {
    const algorithms = readdirSync(repositoryFile('resources/flash-algorithms')).filter(
      (name) => !/^(?:common|README)/u.test(name),
    );
    const demos = readdirSync(repositoryFile('resources/demo'));
    const digests = readdirSync(repositoryFile('resources/unit-digests')).filter((name) => !name.startsWith('README'));
    const output = execFileSync(process.execPath, [repositoryFile('scripts/build-firmware.js'), '--check'], {
      encoding: 'utf8',
    });
    expect(output.match(/: reproduced$/gmu)).toHaveLength(algorithms.length + demos.length + digests.length);
  });

  it('and starts firmware by the code that its own listing assembles to', () => {
    const vectors = 0x0001_2000;
    const lines = [
      '.syntax unified\n.cpu cortex-m0\n.thumb\n.balign 4',
      ...START_CODE.map(([, assembly]) => assembly),
      ...START_LITERALS.map(([name, value]) => `${name}: .word ${value}`),
      `vectors: .word ${vectors}`,
    ];
    const folder = mkdtempSync(join(tmpdir(), 'flashline-start-'));
    try {
      writeFileSync(join(folder, 'start.S'), `${lines.join('\n')}\n`);
      execFileSync('arm-none-eabi-gcc', ['-c', '-o', 'start.o', 'start.S'], { cwd: folder });
      execFileSync('arm-none-eabi-objcopy', ['-O', 'binary', '-j', '.text', 'start.o', 'start.bin'], { cwd: folder });
      expect(Buffer.from(startCode(vectors)).toString('hex')).toBe(
        readFileSync(join(folder, 'start.bin')).toString('hex'),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
