import { describe, expect, it } from 'vitest';
import { wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { Board } from '#main/bench/board.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import type { DebugPort } from '#main/probe/debug-port.ts';
import { CortexM } from '#main/target/cortex-m.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { Target } from '#main/target/target.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { newBench, UNIT } from './bench-run.ts';

const RAM = 0x2000_0000;
const CODE = 0x100;
/** Two instructions a word, the first in the low half: adds r0, #1; b back / wfi; b back. */
const COUNTING = 0xe7fd_3001;
const SLEEPING = 0xe7fd_bf30;

interface Rig {
  readonly board: Board;
  readonly target: Target;
  readonly core: CortexM;
  readonly io: IoContext;
}

/** A board whose firmware is one word of code at 0x100, connected; without one its flash is erased. */
async function connected(firmware?: number, wrap: (port: DebugPort) => DebugPort = (port) => port): Promise<Rig> {
  const bench = newBench();
  const board = bench.boardFor('nrf52840', 'C1');
  if (firmware !== undefined) {
    board.chip.preload(0, RAM + 0x1000);
    board.chip.preload(4, CODE | 1);
    board.chip.preload(CODE, firmware);
  }
  const { link, clock } = bench.connect('nrf52840', 'C1');
  const io: IoContext = { clock, signal: new AbortController().signal };
  const target = await openAdiTarget(wrap(await openCmsisDap(link, io)), UNIT, io);
  return { board, target, core: new CortexM(target.memory), io };
}

async function pcOf({ core, io }: Rig): Promise<number | undefined> {
  return (await core.readRegisters(['pc'], io)).pc;
}

describe('a core that runs', () => {
  it('is seen running, halts, steps instruction by instruction, and runs on', async () => {
    const rig = await connected(COUNTING);
    const { core, io } = rig;
    expect(await core.state(io)).toBe('running');
    await core.halt(io);
    expect(await core.state(io)).toBe('halted');
    await core.writeRegisters({ pc: CODE, r0: 5 }, io);
    await core.step(io);
    expect(await core.readRegisters(['pc', 'r0'], io)).toEqual({ pc: CODE + 2, r0: 6 });
    await core.step(io);
    expect(await pcOf(rig)).toBe(CODE);
    await core.resume(io);
    await io.clock.sleep(1);
    await core.halt(io);
    expect((await core.readRegisters(['r0'], io)).r0).toBeGreaterThan(100);
  });

  it('stops at a breakpoint, and no more once it is cleared', async () => {
    const rig = await connected(COUNTING);
    const { core, io } = rig;
    await core.halt(io);
    await core.setBreakpoint(CODE + 2, io);
    await core.resume(io);
    await core.waitForHalt(100, io);
    expect(await pcOf(rig)).toBe(CODE + 2);
    await core.clearBreakpoint(CODE + 2, io);
    await core.resume(io);
    await expect(core.waitForHalt(10, io)).rejects.toMatchObject({
      failure: { code: 'target-stuck', cause: 'the core runs on' },
    });
  });

  it('is reset to before its first instruction', async () => {
    const rig = await connected(COUNTING);
    await rig.core.halt(rig.io);
    await rig.core.writeRegisters({ r0: 0x1234_5678, pc: RAM }, rig.io);
    await rig.core.reset('halt', rig.io);
    expect(await rig.core.readRegisters(['pc', 'sp'], rig.io)).toEqual({ pc: CODE, sp: RAM + 0x1000 });
    await rig.core.reset('run', rig.io);
    expect(await rig.core.state(rig.io)).toBe('running');
  });
});

describe('a core that sleeps', () => {
  it('is told apart, halts, and runs code of ours', async () => {
    const rig = await connected(SLEEPING);
    expect(await rig.core.state(rig.io)).toBe('sleeping');
    await expect(rig.core.waitForHalt(200, rig.io)).rejects.toMatchObject({ failure: { cause: 'the core sleeps' } });
    await callAdds(rig);
  });
});

describe('a core in lock-up: its flash is erased', () => {
  it('is told apart at once, halts, and runs code of ours', async () => {
    const rig = await connected();
    expect(await rig.core.state(rig.io)).toBe('lock-up');
    const before = rig.io.clock.monotonic();
    await expect(rig.core.waitForHalt(60_000, rig.io)).rejects.toMatchObject({
      failure: { code: 'target-stuck', cause: 'the core is in lock-up' },
    });
    expect(rig.io.clock.monotonic() - before).toBeLessThan(1000);
    await callAdds(rig);
  });
});

/** adds r0, #1; adds r0, #1; bkpt */
async function callAdds({ core, io }: Rig): Promise<void> {
  await core.takeOver(RAM, io);
  await core.writeRegisters({ r0: 40 }, io);
  await core.call({ address: RAM, bytes: wordsToBytes([0x3001_3001, 0x0000_be00]), entry: RAM }, 100, io);
  expect(await core.readRegisters(['r0', 'pc'], io)).toEqual({ r0: 42, pc: RAM + 4 });
}

describe('code of ours', () => {
  it('runs undisturbed, whatever the firmware had going on', async () => {
    const rig = await connected(COUNTING);
    const { board, core, io } = rig;
    await core.halt(io);
    // SysTick, often, with its interrupt; the firmware's handlers lead nowhere.
    await rig.target.memory.writeWord(0xe000_e014, 50, io);
    await rig.target.memory.writeWord(0xe000_e010, 7, io);
    await callAdds(rig);
    expect(board.chip.readRegister(20)).toBe(1);
  });

  it('that goes astray is told at once, with the place', async () => {
    const { core, io } = await connected(COUNTING);
    await core.takeOver(RAM, io);
    const before = io.clock.monotonic();
    const undefinedInstruction = wordsToBytes([0xde00_3001]);
    await expect(
      core.call({ address: RAM, bytes: undefinedInstruction, entry: RAM }, 60_000, io),
    ).rejects.toMatchObject({
      failure: { code: 'target-fault', cause: 'code in RAM ended in a fault or a reset' },
    });
    expect(io.clock.monotonic() - before).toBeLessThan(1000);
  });

  it('that never ends is target-stuck after its time', async () => {
    const { core, io } = await connected(COUNTING);
    await core.takeOver(RAM, io);
    const endless = { address: RAM, bytes: wordsToBytes([COUNTING]), entry: RAM };
    await expect(core.call(endless, 20, io)).rejects.toMatchObject({
      failure: { code: 'target-stuck', params: { seconds: '0.02' } },
    });
  });
});

describe('connecting under reset', () => {
  /** Firmware has taken the debug pins: nothing answers unless the chip is held in reset. */
  function deafUnlessReset(port: DebugPort, calls: string[]): DebugPort {
    let held = false;
    const over: Partial<DebugPort> = {
      connect: async (wire, io) => {
        calls.push(held ? 'connect in reset' : 'connect');
        if (!held) throw new FlashlineError('no-target');
        return port.connect(wire, io);
      },
      reset: async (asserted, io) => {
        calls.push(asserted ? 'assert' : 'release');
        held = asserted;
        return port.reset(asserted, io);
      },
    };
    return new Proxy(port, {
      get: (_, name) => {
        const value: unknown = Reflect.get(over, name) ?? Reflect.get(port, name);
        return typeof value === 'function' ? value.bind(port) : value;
      },
    });
  }

  it('is tried when nothing else answers, and leaves the core halted with the line let go', async () => {
    const calls: string[] = [];
    const rig = await connected(COUNTING, (port) => deafUnlessReset(port, calls));
    expect(calls.slice(0, 4)).toEqual(['connect', 'assert', 'connect in reset', 'release']);
    expect(calls.at(-1)).toBe('release');
    expect(await rig.core.state(rig.io)).toBe('halted');
    expect((await rig.target.identify(rig.io)).chip).toBe('nrf52840');
  });

  it('that finds nobody either ends as no-target, with the line let go', async () => {
    const calls: string[] = [];
    const nobody = async () => {
      throw new FlashlineError('no-target');
    };
    const opening = connected(undefined, (port) => {
      const deaf = deafUnlessReset(port, calls);
      return new Proxy(deaf, {
        get: (_, name) => (name === 'connect' ? nobody : Reflect.get(deaf, name)),
      });
    });
    await expect(opening).rejects.toMatchObject({ failure: { code: 'no-target' } });
    expect(calls).toEqual(['assert', 'release']);
  });
});
