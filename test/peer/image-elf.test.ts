import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeBin } from '#main/image/bin.ts';
import { openImage } from '#main/image/open-image.ts';
import { requirePrograms } from '#test/support/programs.ts';

/** Initialised data (loaded behind the code, run in RAM), a gap, a word in UICR, and .bss that no file holds. */
const SOURCE = `
extern unsigned stack_top;
void reset(void);
__attribute__((section(".vectors"), used)) void *const vectors[] = { &stack_top, reset };
__attribute__((section(".uicr"), used)) const unsigned customer[] = { 0xcafef00d, 0x12345678 };
__attribute__((section(".late"), used)) const char late[] = "behind a gap";
volatile unsigned counter = 0x11223344;
volatile char odd[5] = "odd!";
volatile unsigned zeroed[64];
void reset(void) { for (;;) zeroed[counter & 63] += (unsigned)odd[counter % 5]; }
`;

function linkerScript(origin: number): string {
  return `
MEMORY {
  FLASH (rx) : ORIGIN = ${origin}, LENGTH = 64K
  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 16K
  UICR (r) : ORIGIN = 0x10001080, LENGTH = 128
}
ENTRY(reset)
SECTIONS {
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) } > FLASH
  .data : { *(.data*) } > RAM AT > FLASH
  .late ${origin} + 0x1000 : { KEEP(*(.late)) } > FLASH
  .uicr : { KEEP(*(.uicr)) } > UICR
  .bss (NOLOAD) : { *(.bss*) } > RAM
  stack_top = 0x20004000;
  /DISCARD/ : { *(.ARM.exidx*) *(.comment) }
}`;
}

describe.skipIf(!requirePrograms(['arm-none-eabi-gcc']))('GNU binutils for Arm', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-elf-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(program: string, args: readonly string[]): string {
    return execFileSync(program, args, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
  }

  function read(name: string) {
    return openImage(name, new Uint8Array(readFileSync(join(folder, name))));
  }

  function build(origin: number): void {
    writeFileSync(join(folder, 'tiny.c'), SOURCE);
    writeFileSync(join(folder, 'tiny.ld'), linkerScript(origin));
    const flags = ['-mcpu=cortex-m0', '-mthumb', '-Os', '-ffreestanding', '-nostdlib', '-Wl,--build-id=none'];
    run('arm-none-eabi-gcc', [...flags, '-T', 'tiny.ld', 'tiny.c', '-o', 'tiny.elf', '-lgcc']);
  }

  // 0x100 and 0x8100 leave room for the file's headers before the first section: the linker may load those too.
  test.each([0, 0x100, 0x8000, 0x8100, 0x0800_0000])(
    'our ELF reader finds what objcopy takes out, linked to %i',
    (origin) => {
      build(origin);
      for (const [target, name] of [
        ['ihex', 'tiny.hex'],
        ['srec', 'tiny.s37'],
      ] as const) {
        run('arm-none-eabi-objcopy', ['-O', target, 'tiny.elf', name]);
      }
      const elf = read('tiny.elf');
      expect(elf.segments.length).toBeGreaterThanOrEqual(3);
      expect(elf.segments[0]?.address).toBe(origin);
      expect(elf.segments.some(({ address }) => address === 0x1000_1080)).toBe(true);
      expect(read('tiny.hex')).toEqual({ ...elf, format: 'ihex' });
      expect(read('tiny.s37')).toEqual({ ...elf, format: 'srec' });
    },
  );

  test('our .bin is objcopy’s, gaps and all', () => {
    build(0x0800_0000);
    run('arm-none-eabi-objcopy', ['-R', '.uicr', '--gap-fill', '0xff', '-O', 'binary', 'tiny.elf', 'tiny.bin']);
    const flash = read('tiny.elf').segments.filter(({ address }) => address < 0x1000_0000);
    expect(flash.length).toBeGreaterThan(1);
    expect(writeBin(flash, 0xff)).toEqual(new Uint8Array(readFileSync(join(folder, 'tiny.bin'))));
  });
});
