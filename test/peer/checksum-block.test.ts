import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cliHere } from '#test/support/cli-here.ts';
import { requirePrograms } from '#test/support/programs.ts';
// Loaded with the file, so that no test's time has it in it.
import '#main/app/commands/checksum-block.ts';

/** A runtime and user code in sections of their own, a placeholder for the block as compilers leave it, a word for the marker. */
const SOURCE = `
extern unsigned stack_top;
void reset(void) { for (;;); }
__attribute__((section(".vectors"), used)) void *const vectors[] = { &stack_top, reset };
__attribute__((section(".block"), used)) const unsigned block[9] = { 0x87eeb07c, 0x00ff00ff, 0x00ff00ff, 0x00010001, 1, 0x00010002, 1, 0 };
__attribute__((section(".runtime"), used)) const unsigned char runtime[4096] = { [0 ... 4095] = 0x35 };
__attribute__((section(".user"), used)) const unsigned char user[1000] = { [0 ... 999] = 0x36 };
__attribute__((section(".endmark"), used)) const unsigned endmark = 0xffffffff;
`;

const SCRIPT = `
MEMORY { FLASH (rx) : ORIGIN = 0x2000, LENGTH = 64K RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 16K }
ENTRY(reset)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) } > FLASH
  .block 0x20b4 : { KEEP(*(.block)) } > FLASH
  .runtime 0x2100 : { KEEP(*(.runtime)) } > FLASH
  .user 0x3100 : { KEEP(*(.user)) } > FLASH
  .endmark 0x4000 : { KEEP(*(.endmark)) } > FLASH
  stack_top = 0x20004000;
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}`;

const PLACE = ['--at', '0x20b4', '--page', '256'];

describe.skipIf(!requirePrograms(['arm-none-eabi-gcc']))('a block added to what GNU ld linked', () => {
  let home = '';
  const here = (name: string) => join(home, name);
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'flashline-elf-block-'));
    writeFileSync(here('a.c'), SOURCE);
    writeFileSync(here('a.ld'), SCRIPT);
    const flags = ['-mcpu=cortex-m0', '-mthumb', '-Os', '-ffreestanding', '-nostdlib', '-Wl,--build-id=none'];
    run('gcc', ...flags, '-T', 'a.ld', 'a.c', '-o', 'a.elf');
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  function run(program: string, ...args: readonly string[]): string {
    return execFileSync(`arm-none-eabi-${program}`, args, { cwd: home, encoding: 'utf8', timeout: 60_000 });
  }

  async function json(...args: readonly string[]) {
    const { code, lines, stderr } = await cliHere(['checksum-block', ...args, '--json'], { home });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(lines[0] ?? '');
  }

  test('is where objcopy finds it, over the bytes that objcopy takes out of those sections, and nothing else moved', async () => {
    const sections = ['--sections', '.runtime,.user', '--marker-at', '0x4000'];
    const added = await json('add', here('a.elf'), ...PLACE, ...sections, '--out', here('b.elf'));
    run('objcopy', '-O', 'ihex', 'b.elf', 'b.hex');
    expect(await json('show', here('b.hex'), ...PLACE)).toMatchObject({
      valid: true,
      marker: added.marker,
      markerAt: 0x4000,
    });
    const [runtime, user] = ['.runtime', '.user'].map((name) => {
      run('objcopy', '-O', 'binary', '-j', name, 'a.elf', 'part.bin');
      return readFileSync(here('part.bin'));
    });
    const first4 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest().readUInt32LE(0);
    expect(added.regions).toEqual([
      { address: 0x2100, size: 0x1000, checksum: first4(runtime ?? Buffer.of()) },
      { address: 0x3100, size: 0x300, checksum: first4(user?.subarray(0, 0x300) ?? Buffer.of()) },
    ]);
    const [before, after] = ['a.elf', 'b.elf'].map((name) => run('readelf', '-S', '-l', '-s', name));
    expect(after).toBe(before);
    const [old, changed] = [readFileSync(here('a.elf')), readFileSync(here('b.elf'))];
    expect(changed.length).toBe(old.length);
    expect(changed.filter((byte, at) => byte !== old[at]).length).toBeLessThanOrEqual(36 + 4);
  });

  test('has the same regions in the HEX file of the same program, whose gaps nobody fills', async () => {
    run('objcopy', '-O', 'ihex', 'a.elf', 'a.hex');
    const regions = ['--regions', '0x2100-0x3100,0x3100-0x3400', '--marker-at', '0x4000'];
    const hex = await json('add', here('a.hex'), ...PLACE, ...regions, '--out', here('c.hex'));
    const elf = await json('add', here('a.elf'), ...PLACE, ...regions, '--out', here('c.elf'));
    expect(hex.regions).toEqual(elf.regions);
    run('objcopy', '-I', 'ihex', '-O', 'ihex', 'c.hex', 'd.hex');
    const plan = ['plan', '--device', here('d.hex'), '--image', here('c.hex'), ...PLACE];
    expect(await json(...plan)).toMatchObject({ faults: { device: null, image: null } });
  });
});
