import { describe, expect, it } from 'vitest';
import type { MemoryAccess } from '#main/probe/memory-access.ts';
import type { RunControl } from '#main/probe/run-control.ts';
import { openFlashDevice } from '#main/programmer/open-flash-device.ts';
import type { FlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import type { Target } from '#main/target/target.ts';
import { debugChip } from '#shared/model/chip.ts';
import { ioWith, TINY } from './array-flash.ts';

const untouched = (): Promise<never> => Promise.reject(new Error('opening must not touch the unit'));
const memory: MemoryAccess = {
  read: untouched,
  write: untouched,
  readWord: untouched,
  writeWord: untouched,
  waitForWord: untouched,
};
const core: RunControl = {
  halt: untouched,
  resume: untouched,
  readRegisters: untouched,
  writeRegisters: untouched,
  setBreakpoint: untouched,
  clearBreakpoint: untouched,
  waitForHalt: untouched,
  reset: untouched,
};

function target(writePeripherals: boolean, executeCode: boolean, kind = 'nrf-nvmc'): Target {
  const chip = {
    ...debugChip(TINY),
    controller: { kind, base: 0x3000 },
    memories: [...TINY.memories, { kind: 'ram', name: 'ram', start: 0x2000_0000, size: 0x4000 } as const],
  };
  const can = { writePeripherals, executeCode, accessWhileRunning: writePeripherals };
  return { chip, memory, core, can, identify: untouched, start: untouched, close: untouched };
}

const algorithm: FlashAlgorithm = {
  schema: 2,
  controller: 'nrf-nvmc',
  load: 0x2000_0000,
  entry: 0x2000_0000,
  done: 0x2000_0002,
  mailbox: 0x2000_0400,
  erasesAll: false,
  code: new Uint8Array(64),
  sha256: '',
  compiler: '',
};

describe('openFlashDevice', () => {
  it('prefers the controller’s registers, for which nothing must run on the unit', async () => {
    expect((await openFlashDevice(target(true, true), ioWith(), algorithm)).name).toBe('nvmc-direct');
    expect((await openFlashDevice(target(true, false), ioWith())).name).toBe('nvmc-direct');
  });

  it('uses code in RAM where registers are out of reach', async () => {
    expect((await openFlashDevice(target(false, true), ioWith(), algorithm)).name).toBe('ram-loader:nrf-nvmc');
  });

  it('streams through code in RAM where the registers alone would be slower than the flash', async () => {
    const other = { ...algorithm, controller: 'other-flash', erasesAll: true };
    const live = target(true, true, 'other-flash');
    const device = await openFlashDevice({ ...live, core: { ...core, launch: untouched } }, ioWith(), other);
    expect(device.name).toBe('ram-loader:other-flash');
    expect('eraseAll' in device).toBe(true);
    const without = { ...other, erasesAll: false };
    const halted = await openFlashDevice(live, ioWith(), without);
    expect('eraseAll' in halted).toBe(false);
  });

  it('names the controller that nothing here knows how to drive', async () => {
    await expect(openFlashDevice(target(true, true, 'new-flash'), ioWith())).rejects.toMatchObject({
      failure: { code: 'probe-unsuited', params: { detail: expect.stringContaining('new-flash') } },
    });
  });

  it.each([
    ['neither is possible', target(false, false), algorithm],
    ['there is no algorithm', target(false, true), undefined],
  ])('says so when %s', async (_, given, loader) => {
    await expect(openFlashDevice(given, ioWith(), loader)).rejects.toMatchObject({
      failure: { code: 'probe-unsuited', blame: 'station' },
    });
  });
});
