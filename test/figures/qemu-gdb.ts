import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRamLoader } from '#main/programmer/ram-loader.ts';
import type { FlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { CHUNK, type Command, HEADER_SIZE, mailboxBytes } from '#main/programmer/ram-loader-mailbox.ts';
import { debugChip, type ChipDescription } from '#shared/model/chip.ts';
import { concat, equalBytes } from '#shared/base/bytes.ts';
import { chipDescription, memoryOf, nvmcAlgorithm, openTarget, realIo } from '../support/nrf51.ts';
import { type Qemu, startQemu } from '../support/qemu.ts';

const SIZE = 231_124;
const ROUNDS = 7;

export interface QemuAgainstGdb {
  readonly bytes: number;
  /** Medians of the rounds, milliseconds. */
  readonly oursMs: number;
  readonly gdbMs: number;
  /** Ours over gdb's: at most 1.0. */
  readonly ratio: number;
  readonly rounds: readonly { readonly oursMs: number; readonly gdbMs: number }[];
}

/**
 * Puts the RAM loader on QEMU's micro:bit, erases, writes random bytes by it, and reads them all back: once by us and
 * once by gdb-multiarch, in alternating rounds, each on a QEMU of its own over a unix socket. The time runs from the
 * first packet after connecting to the last byte read; starting gdb and its handshake are not held against it, and
 * its calls are as large as RAM allows, prepared as files before.
 */
export async function measureQemuAgainstGdb(rounds = ROUNDS): Promise<QemuAgainstGdb> {
  const chip = await chipDescription('nrf51822');
  const algorithm = await nvmcAlgorithm();
  const measured: { oursMs: number; gdbMs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const data = randomBytes(SIZE);
    const ours = (): Promise<number> => onFreshQemu((qemu) => measureOurs(qemu, chip, algorithm, data));
    const gdbs = (): Promise<number> => onFreshQemu((qemu) => measureGdb(qemu, chip, algorithm, data));
    // Whoever goes first has the colder caches: take turns at that too.
    const [first, second] = round % 2 === 0 ? [ours, gdbs] : [gdbs, ours];
    const times = [await first(), await second()];
    const [oursMs = 0, gdbMs = 0] = round % 2 === 0 ? times : times.toReversed();
    measured.push({ oursMs, gdbMs });
  }
  const oursMs = median(measured.map((round) => round.oursMs));
  const gdbMs = median(measured.map((round) => round.gdbMs));
  return { bytes: SIZE, oursMs, gdbMs, ratio: oursMs / gdbMs, rounds: measured };
}

async function onFreshQemu<T>(work: (qemu: Qemu) => Promise<T>): Promise<T> {
  const qemu = await startQemu();
  try {
    return await work(qemu);
  } finally {
    await qemu.stop();
  }
}

async function measureOurs(
  qemu: Qemu,
  chip: ChipDescription,
  algorithm: FlashAlgorithm,
  data: Uint8Array,
): Promise<number> {
  const io = realIo();
  const target = await openTarget(qemu.url, chip, io);
  const flash = memoryOf(chip, 'flash');
  const begun = performance.now();
  const device = createRamLoader(target, algorithm);
  await device.erase(flash, 0, wholePages(flash.page), io);
  await device.program(flash, 0, data, io);
  const found = await device.read(0, data.length, io);
  const spent = performance.now() - begun;
  await device.finish(io);
  await target.close(io);
  if (!equalBytes(found, data)) throw new Error('what we read is not what we wrote');
  return spent;
}

async function measureGdb(
  qemu: Qemu,
  chip: ChipDescription,
  algorithm: FlashAlgorithm,
  data: Uint8Array,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-gdb-'));
  try {
    const script = join(folder, 'script.py');
    await writeFile(script, await gdbScript(folder, qemu, chip, algorithm, data));
    const { stdout, stderr } = await promisify(execFile)('gdb-multiarch', ['-nx', '-batch', '-x', script], {
      timeout: 60_000,
    });
    const spent = Number(/^spent (\d+\.\d+)$/mu.exec(stdout)?.[1]);
    if (!(spent > 0)) throw new Error(`gdb told no time: ${stdout} ${stderr}`);
    if (!equalBytes(await readFile(join(folder, 'dump.bin')), data))
      throw new Error('what gdb read is not what it wrote');
    return spent;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Python for gdb: restore a prepared call, set the PC, continue to the breakpoint; at the end dump everything. */
async function gdbScript(
  folder: string,
  qemu: Qemu,
  chip: ChipDescription,
  algorithm: FlashAlgorithm,
  data: Uint8Array,
): Promise<string> {
  const flash = memoryOf(chip, 'flash');
  const ram = chip.memories.find((memory) => memory.kind === 'ram');
  if (!ram) throw new Error('no RAM');
  const room = ram.start + ram.size - algorithm.mailbox - HEADER_SIZE;
  const ring = room - (room % CHUNK);
  const calls = [call('erase', 0, wholePages(flash.page), new Uint8Array(0))];
  for (let at = 0; at < data.length; at += ring) {
    const block = data.subarray(at, at + ring);
    calls.push(call('program', at, block.length, block));
  }
  function call(command: Command, address: number, length: number, bytes: Uint8Array): Uint8Array {
    const request = { command, address, length, page: flash.page, controller: debugChip(chip).controller.base };
    return concat([mailboxBytes({ ...request, ring, written: bytes.length }), bytes]);
  }
  await writeFile(join(folder, 'code.bin'), algorithm.code);
  await Promise.all(calls.map((bytes, index) => writeFile(join(folder, `call-${index}.bin`), bytes)));
  return `import gdb, time
def run(command):
    gdb.execute(command, False, True)
for setting in ("pagination off", "confirm off", "breakpoint always-inserted on", "tcp auto-retry off"):
    run("set " + setting)
run("target remote ${qemu.gdbPath}")
begun = time.perf_counter()
run("restore ${join(folder, 'code.bin')} binary ${algorithm.load}")
run("hbreak *${algorithm.done}")
run("set $xpsr = 0x01000000")
for index in range(${calls.length}):
    run("restore ${folder}/call-%d.bin binary ${algorithm.mailbox}" % index)
    run("set $pc = ${algorithm.entry}")
    run("continue")
run("dump binary memory ${join(folder, 'dump.bin')} 0 ${data.length}")
print("spent %.3f" % ((time.perf_counter() - begun) * 1000))
`;
}

function wholePages(page: number): number {
  return Math.ceil(SIZE / page) * page;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = low] = sorted.length % 2 === 0 ? sorted.slice(middle - 1) : sorted.slice(middle);
  return sorted.length % 2 === 0 ? (low + high) / 2 : low;
}
