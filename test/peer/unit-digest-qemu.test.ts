import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readU32, writeU32 } from '#shared/base/bytes.ts';
import { Prng } from '#main/bench/prng.ts';
import { BOX, FLAGS, HASHES, loadDigestCode } from '#main/programmer/hf2/digest-code.ts';
import { murmur3 } from '#main/programmer/hf2/murmur3.ts';
import { digestWindow } from '#test/support/digest-window.ts';
import { requirePrograms } from '#test/support/programs.ts';

const BASE = 0x20006000;
const DATA = 0x10000;
const PAGE = 256;
const VECTORS = 48;

/**
 * A boot loader as far as it matters here: SysTick counts; after a few ticks it does what WRITE WORDS does to VTOR, counts until the done
 * word comes and some ticks longer, and tells what it finds on its UART (LM3S6965, UART0). The end is a semihosting call.
 */
const SOURCE = `
typedef unsigned u;
#define AT(address) (*(volatile u *)(address))
static volatile u ticks;
void tick(void) { ticks++; }
void fault(void) { for (;;) AT(0x4000c000) = '!'; }
static void tell(u word) {
  for (int shift = 28; shift >= 0; shift -= 4) AT(0x4000c000) = "0123456789abcdef"[(word >> shift) & 15];
  AT(0x4000c000) = 10;
}
void work(void) {
  u turns = 0;
  AT(0xe000e014) = 999;
  AT(0xe000e018) = 0;
  AT(0xe000e010) = 7;
  while (ticks < 3) {}
  AT(0xe000ed08) = ${BASE};
  while (AT(${BASE + BOX}) != 0) turns++;
  u before = ticks;
  while (ticks - before < 3) turns++;
  tell(AT(0xe000ed08));
  tell(turns != 0);
  for (u i = 0; i < 8; i++) tell(AT(${BASE + BOX + 0x20} + i * 4));
  for (u i = 0; i < 8; i++) tell(AT(${BASE + HASHES} + i * 4));
}`;
const START = `
  .syntax unified
  .cpu cortex-m3
  .thumb
  .word 0x20005000, reset + 1
  .rept 13
  .word fault
  .endr
  .word tick
  .rept ${VECTORS - 16}
  .word fault
  .endr
  .thumb_func
reset: bl work
  movs r0, #0x18
  ldr r1, =0x20026
  bkpt 0xab
  .pool`;

const programs = ['qemu-system-arm', 'arm-none-eabi-gcc', 'arm-none-eabi-objcopy'] as const;

describe.skipIf(!requirePrograms([...programs]))('the digest code on QEMU’s Cortex-M3', () => {
  let folder: string;
  let vectors: number[];
  const inFolder = (name: string) => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-digest-'));
    writeFileSync(inFolder('start.S'), START);
    writeFileSync(inFolder('work.c'), SOURCE);
    const flags = ['-mcpu=cortex-m3', '-mthumb', '-O1', '-ffreestanding', '-nostartfiles', '-nostdlib'];
    const places = ['-Wl,-Ttext=0', '-Wl,-Tbss=0x20000000', '-Wl,--entry=0', '-Wl,--build-id=none'];
    const sources = [inFolder('start.S'), inFolder('work.c')];
    execFileSync('arm-none-eabi-gcc', [...flags, ...places, '-o', inFolder('a.elf'), ...sources], { stdio: 'pipe' });
    execFileSync('arm-none-eabi-objcopy', ['-O', 'binary', inFolder('a.elf'), inFolder('a.bin')]);
    const image = new Uint8Array(readFileSync(inFolder('a.bin')));
    vectors = Array.from({ length: VECTORS }, (_, index) => readU32(image, index * 4));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the boot loader told: VTOR, whether it lived, eight words of the digest, eight of the pages' hashes. */
  async function run(data: Uint8Array, request: { flags: number; offset: number; size: number }): Promise<number[]> {
    const { flags, offset, size } = request;
    const place = { base: BASE, vectors, vtor: 0, flags, address: DATA + offset, size, total: size };
    const window = digestWindow(await loadDigestCode('sha256-v6m'), place);
    writeU32(window, BOX + 0x18, PAGE);
    writeFileSync(inFolder('window.bin'), window);
    writeFileSync(inFolder('data.bin'), data);
    const at = (name: string, address: number) => [
      '-device',
      `loader,file=${inFolder(name)},addr=${address},force-raw=on`,
    ];
    const machine = '-M lm3s6965evb -display none -monitor none -serial stdio -semihosting'.split(' ');
    const files = [...at('window.bin', BASE), ...at('data.bin', DATA)];
    const told = execFileSync('qemu-system-arm', [...machine, '-kernel', inFolder('a.elf'), ...files], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return told
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line, 16));
  }

  it.each([
    ['much', 0, 30_000],
    ['an odd number of bytes from an odd address', 3, 4097],
    ['nothing', 0, 0],
  ])('is entered by SysTick, hashes %s, and gives the core back', async (_, offset, size) => {
    const data = new Uint8Array(0x8000);
    new Prng(size + 1).scramble(data);
    const [vtor, lived, ...rest] = await run(data, { flags: FLAGS.begins | FLAGS.ends, offset, size });
    expect([vtor, lived]).toEqual([0, 1]);
    const digest = new Uint8Array(32);
    rest.slice(0, 8).forEach((word, index) => writeU32(digest, index * 4, word));
    expect(Buffer.from(digest)).toEqual(
      createHash('sha256')
        .update(data.subarray(offset, offset + size))
        .digest(),
    );
  });

  it('hashes pages', async () => {
    const data = new Uint8Array(8 * PAGE);
    new Prng(5).scramble(data);
    const [vtor, lived, ...rest] = await run(data, { flags: FLAGS.pages, offset: 0, size: data.length });
    expect([vtor, lived]).toEqual([0, 1]);
    expect(rest.slice(8)).toEqual(
      Array.from({ length: 8 }, (_, page) => murmur3(data.subarray(page * PAGE, (page + 1) * PAGE))),
    );
  });
});
