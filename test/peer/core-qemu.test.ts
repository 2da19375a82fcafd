import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng } from '#main/bench/prng.ts';
import { createRamLoader } from '#main/programmer/ram-loader.ts';
import { readU32 } from '#shared/base/bytes.ts';
import { nrfCore, RAM_START } from '#test/support/bare-core.ts';
import { chipDescription, memoryOf, nvmcAlgorithm, openTarget, realIo } from '#test/support/nrf51.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { type Qemu, startQemu } from '#test/support/qemu.ts';
import { pageStates, surveyPages } from '#main/programmer/survey.ts';

/** Code, then 64 words of input, and 64 of results behind them. */
const INPUT = RAM_START + 0x2000;
const OUTPUT = INPUT + 0x100;
const STACK = RAM_START + 0x3ff0;
const WORDS = 64;

/**
 * Arithmetic of every width, division and 64-bit multiplication by the compiler's own routines, bytes and halfwords with sign, sorting,
 * recursion and calls by pointer: what loaders and firmware are made of.
 */
const SOURCE = `
typedef unsigned u; typedef unsigned long long ull; typedef long long ll;
static int deep(int n, u x) { return n == 0 ? (int)x : deep(n - 1, x * 2654435761u + n) ^ n; }
static u plus(u a, u b) { return a + b; }
static u minus(u a, u b) { return a - b; }
static u (*const table[])(u, u) = {plus, minus};
void work(const volatile u *in, volatile u *out) {
  for (int i = 0; i < ${WORDS / 4}; i++) {
    u a = in[i * 4], b = in[i * 4 + 1], c = in[i * 4 + 2];
    ull p = (ull)a * b + c;
    ll s = (ll)(int)a * (int)b - (int)c;
    signed char *bytes = (signed char *)&in[i * 4];
    short *halves = (short *)&in[i * 4];
    int sum = 0;
    for (int k = 0; k < 16; k++) sum = sum * 31 + bytes[k];
    for (int k = 0; k < 8; k++) sum ^= halves[k] << (k & 3);
    out[i * 4] = (u)(p >> 7) ^ (u)(s >> (c & 63)) ^ (b ? a / b : 1) ^ ((int)b > 0 ? (int)a % (int)b : 2);
    out[i * 4 + 1] = (u)sum ^ (a >> (b & 31)) ^ ((int)a >> (c & 31)) ^ (p > (ull)s ? 5u : 9u) ^ (u)(p / (c | 1));
    out[i * 4 + 2] = table[a & 1](b, c) + (u)deep((int)(c & 7), a) + __builtin_bswap32(b);
    out[i * 4 + 3] = ((int)a < (int)b) | (a < b) << 1 | (s < 0) << 2 | ((short)c < (short)a) << 3 | (a * a > b) << 4;
  }
}`;
const START = `
  .syntax unified
  .cpu cortex-m0
  .thumb
  .global entry
  .thumb_func
entry: ldr r0, =${INPUT}
  ldr r1, =${OUTPUT}
  bl work
  .global done
  .thumb_func
done: b done
  .pool`;

const programs = ['qemu-system-arm', 'arm-none-eabi-gcc', 'arm-none-eabi-objcopy'] as const;

describe.skipIf(!requirePrograms([...programs]))('the bench’s core and QEMU’s', () => {
  let qemu: Qemu;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flashline-core-'));
    qemu = await startQemu();
  });
  afterEach(async () => {
    await qemu.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The program, linked to the start of RAM, and where it ends. */
  function build(optimisation: string): { readonly code: Uint8Array; readonly done: number } {
    const inFolder = (name: string) => join(folder, name);
    writeFileSync(inFolder('start.S'), START);
    writeFileSync(inFolder('work.c'), SOURCE);
    const flags = [
      '-mcpu=cortex-m0',
      '-mthumb',
      '-ffreestanding',
      '-nostartfiles',
      '-nostdlib',
      `-Ttext=0x${RAM_START.toString(16)}`,
    ];
    const output = ['-Wl,--entry=entry', '-Wl,--build-id=none', '-o', inFolder('a.elf')];
    const sources = [inFolder('start.S'), inFolder('work.c'), '-lgcc'];
    execFileSync('arm-none-eabi-gcc', [optimisation, ...flags, ...output, ...sources], { stdio: 'pipe' });
    execFileSync('arm-none-eabi-objcopy', ['-O', 'binary', inFolder('a.elf'), inFolder('a.bin')]);
    const symbols = execFileSync('arm-none-eabi-nm', [inFolder('a.elf')], { encoding: 'utf8' });
    const done = Number.parseInt(/^([0-9a-f]+) T done$/m.exec(symbols)?.[1] ?? '', 16);
    return { code: new Uint8Array(readFileSync(inFolder('a.bin'))), done };
  }

  async function onQemu(code: Uint8Array, input: Uint8Array, done: number): Promise<Uint8Array> {
    const io = realIo();
    const target = await openTarget(qemu.url, await chipDescription('nrf51822'), io);
    await target.core.halt(io);
    await target.memory.write(RAM_START, code, io);
    await target.memory.write(INPUT, input, io);
    await target.core.writeRegisters({ sp: STACK, pc: RAM_START, xpsr: 0x01000000 }, io);
    await target.core.setBreakpoint(done, io);
    await target.core.resume(io);
    await target.core.waitForHalt(5000, io);
    await target.core.clearBreakpoint(done, io);
    const output = await target.memory.read(OUTPUT, WORDS * 4, io);
    await target.close(io);
    return output;
  }

  function onBench(code: Uint8Array, input: Uint8Array, done: number): Uint8Array {
    const { core, ram } = nrfCore();
    core.halt();
    core.load(RAM_START, code);
    core.load(INPUT, input);
    core.run(RAM_START);
    core.now += 100_000_000;
    core.halt();
    expect(core.register(15)).toBe(done);
    return ram.views.bytes.slice(OUTPUT - RAM_START, OUTPUT - RAM_START + WORDS * 4);
  }

  it.each(['-O0', '-O2', '-Os'])(
    'run what gcc %s makes of arithmetic, calls and bytes to the same results',
    async (optimisation) => {
      const { code, done } = build(optimisation);
      expect(code.length).toBeLessThan(INPUT - RAM_START);
      const input = new Uint8Array(WORDS * 4);
      new Prng(77).scramble(input);
      const [here, there] = [onBench(code, input, done), await onQemu(code, input, done)];
      expect(here).toEqual(there);
      expect(new Set(Array.from({ length: WORDS }, (_, index) => readU32(here, index * 4))).size).toBeGreaterThan(40);
    },
  );

  it('survey flash by the same loader to the same digests, which are the host’s', async () => {
    const chip = await chipDescription('nrf51822');
    const io = realIo();
    const target = await openTarget(qemu.url, chip, io);
    const algorithm = await nvmcAlgorithm();
    const device = createRamLoader(target, algorithm);
    const flash = memoryOf(chip, 'flash');
    const image = new Uint8Array(0x400);
    new Prng(3).scramble(image);
    await device.erase(flash, 0, 0x800, io);
    await device.program(flash, 0, image, io);
    const theirs = await surveyPages(device, flash, 0, 0x1000, io);
    await device.finish(io);
    await target.close(io);

    const made = nrfCore();
    for (let at = 0; at < image.length; at += 4) made.flash.program(at, readU32(image, at));
    // QEMU's flash powers up as zeros.
    for (let at = 0x800; at < 0x1000; at += 4) made.flash.program(at, 0);
    const ours = surveyOnBench(made.core, algorithm, 4);
    expect(ours).toEqual(theirs.map(({ digest }) => digest));
    const held = new Uint8Array(0x1000);
    held.fill(0xff, 0, 0x800);
    held.set(image);
    expect(ours).toEqual(pageStates(flash, 0, held).map(({ digest }) => digest));
    expect(theirs.map(({ blank }) => blank)).toEqual([false, true, false, false]);
  });
});

const SURVEY = 3;

/** The loader's mailbox as its source has it (resources/flash-algorithms/common/loader.h). */
function surveyOnBench(
  core: ReturnType<typeof nrfCore>['core'],
  { load, entry, mailbox, code }: Awaited<ReturnType<typeof nvmcAlgorithm>>,
  pages: number,
): number[] {
  core.halt();
  core.load(load, code);
  const box = [0xffffffff, 0, 0, 0, SURVEY, 0, pages * 0x400, 0x400, 0x4001e000, 0, 0, 0];
  for (const [index, word] of box.entries()) core.write(mailbox + index * 4, word);
  core.run(entry);
  core.now += 1e9;
  expect(core.read(mailbox)).toBe(0);
  const results = mailbox + box.length * 4;
  return Array.from({ length: pages }, (_, page) => core.read(results + page * 4));
}
