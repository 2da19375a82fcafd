import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { debugChip, flashMemories, type ChipDescription } from '#shared/model/chip.ts';
import { createBench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { Prng } from '#main/bench/prng.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { createNvmcDirect } from '#main/programmer/nvmc-direct.ts';
import { nodeFiles } from '#main/release/files.ts';
import { loadChips } from '#main/release/chip-library.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';

const START = Date.UTC(2026, 0, 1);

async function chip(): Promise<ChipDescription> {
  return (await loadChips(['resources/chips'], nodeFiles)).get('nrf52840');
}

/** Opens the bench's chip with the real driver, erases and programs `bytes` at 0, reads all back. */
async function flashOnce(bytes: Uint8Array, faults: Faults = [], incrementWindow: 0x400 | 0x1000 = 0x1000) {
  const description = await chip();
  const bench = createBench({ startAt: START, seed: 1, incrementWindow });
  const { link, clock } = bench.connect('nrf52840', 'T1', faults);
  const io: IoContext = { clock, signal: new AbortController().signal };
  const target = await openAdiTarget(await openCmsisDap(link, io), { chip: description, interface: 'swd' }, io, {
    executesCode: false,
  });
  const [memory] = flashMemories(description);
  if (!memory) throw new Error('no flash');
  const flash = createNvmcDirect(target.memory, debugChip(description).controller.base);
  const identity = await target.identify(io);
  await target.core.halt(io);
  const marks = [clock.monotonic()];
  const mark = () => marks.push(clock.monotonic());
  await flash.erase(memory, 0, Math.ceil(bytes.length / 4096) * 4096, io);
  mark();
  await flash.program(memory, 0, bytes, io);
  mark();
  const back = await flash.read(0, bytes.length, io);
  mark();
  await flash.finish(io);
  await target.close(io);
  const [eraseMs, programMs, readMs] = marks.slice(1).map((at, index) => at - (marks[index] ?? 0));
  return {
    identity,
    back,
    eraseMs,
    programMs,
    readMs,
    end: clock.monotonic(),
    report: bench.boardFor('nrf52840', 'T1').report(),
  };
}

describe('the bench under the real CMSIS-DAP driver', () => {
  const bytes = new Uint8Array(0x10000);
  new Prng(7).scramble(bytes);

  it('takes 64 KiB and gives them back, within a hundredth of what the flash itself needs', async () => {
    const run = await flashOnce(bytes);
    expect(sha256Hex(run.back)).toBe(sha256Hex(bytes));
    expect(run.report.overwrittenWords).toEqual([]);
    const limits = { erase: 16 * 85, program: (bytes.length / 4) * 0.041, read: (bytes.length / 4) * 46 * 0.000125 };
    expect(run.eraseMs).toBeGreaterThanOrEqual(limits.erase);
    expect(run.eraseMs).toBeLessThan(limits.erase * 1.01);
    expect(run.programMs).toBeGreaterThanOrEqual(limits.program);
    expect(run.programMs).toBeLessThan(limits.program * 1.01);
    expect(run.readMs).toBeGreaterThanOrEqual(limits.read);
  });

  it('takes exactly as long each time', async () => {
    const [first, second] = [await flashOnce(bytes.subarray(0, 0x2000)), await flashOnce(bytes.subarray(0, 0x2000))];
    expect(first).toEqual(second);
  });

  it('works on a part that increments no further than ADIv5 promises', async () => {
    const run = await flashOnce(bytes.subarray(0, 0x2000), [], 0x400);
    expect(sha256Hex(run.back)).toBe(sha256Hex(bytes.subarray(0, 0x2000)));
  });
});
