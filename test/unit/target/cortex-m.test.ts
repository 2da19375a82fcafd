import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock, IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '#main/probe/memory-access.ts';
import { CortexM } from '#main/target/cortex-m.ts';

const DHCSR = 0xe000edf0;
const DCRSR = 0xe000edf4;
const DCRDR = 0xe000edf8;
const DEMCR = 0xe000edfc;
const AIRCR = 0xe000ed0c;
const FP_CTRL = 0xe0002000;
const FP_COMP0 = 0xe0002008;
const RAM = 0x2000_0000;

/** The debug registers of ARMv7-M, C1.6, as far as halting, registers, reset and breakpoints need them. */
class Core implements MemoryAccess {
  halted = false;
  debugEnabled = false;
  wasReset = false;
  fpCtrl = 0x260;
  readonly registers = new Map<number, number>();
  readonly comparators = new Map<number, number>();
  readonly ram = new Uint8Array(0x1000);
  #demcr = 0;
  #dcrdr = 0;

  async readWord(address: number): Promise<number> {
    if (address === DHCSR) {
      const status = 0x1_0000 | (this.halted ? 0x2_0000 : 0) | (this.wasReset ? 0x200_0000 : 0);
      this.wasReset = false;
      return status;
    }
    if (address === DCRDR) return this.#dcrdr;
    if (address === FP_CTRL) return this.fpCtrl;
    throw new RangeError(`a read of ${address.toString(16)}`);
  }

  async writeWord(address: number, value: number): Promise<void> {
    const word = value >>> 0;
    if (address === DHCSR) this.#control(word);
    else if (address === DEMCR) this.#demcr = word;
    else if (address === DCRDR) this.#dcrdr = word;
    else if (address === DCRSR) this.#register(word);
    else if (address === AIRCR) this.#reset(word);
    else if (address === FP_CTRL) this.fpCtrl |= word & 2 ? word & 1 : 0;
    else if (address >= FP_COMP0 && address < FP_COMP0 + 32) this.comparators.set((address - FP_COMP0) / 4, word);
    else throw new RangeError(`a write of ${address.toString(16)}`);
  }

  async waitForWord(address: number, mask: number, value: number, timeoutMs: number): Promise<void> {
    if (((await this.readWord(address)) & mask) >>> 0 === value) return;
    throw new FlashlineError('flash-timeout', { params: { address: 'x', seconds: timeoutMs / 1000 } });
  }

  async read(address: number, length: number): Promise<Uint8Array> {
    return this.ram.slice(address - RAM, address - RAM + length);
  }

  async write(address: number, bytes: Uint8Array): Promise<void> {
    this.ram.set(bytes, address - RAM);
  }

  #control(word: number): void {
    if (word >>> 16 !== 0xa05f) return;
    this.debugEnabled = (word & 1) !== 0;
    this.halted = this.debugEnabled && (word & 2) !== 0;
  }

  #register(word: number): void {
    if (!this.halted) return;
    const number = word & 0x7f;
    if (word & 0x1_0000) this.registers.set(number, this.#dcrdr);
    else this.#dcrdr = this.registers.get(number) ?? 0;
  }

  #reset(word: number): void {
    if (word !== 0x05fa0004) return;
    this.wasReset = true;
    this.halted = this.debugEnabled && (this.#demcr & 1) !== 0;
  }
}

let time = 0;
const clock: Clock = {
  now: () => 0,
  monotonic: () => time,
  sleep: (ms) => {
    time += ms;
    return Promise.resolve();
  },
};
const io: IoContext = { clock, signal: new AbortController().signal };
let core: Core;
let control: CortexM;

beforeEach(() => {
  core = new Core();
  control = new CortexM(core);
});

describe('halting and resetting', () => {
  it('halts, resumes under debug, and notices a core that does not halt', async () => {
    await control.halt(io);
    expect(core.halted).toBe(true);
    await control.resume(io);
    expect([core.halted, core.debugEnabled]).toEqual([false, true]);
    await expect(control.waitForHalt(300, io)).rejects.toMatchObject({
      failure: { code: 'target-stuck', params: { seconds: '0.3' } },
    });
  });

  it('resets to a halt, and later to a run that no debugger holds', async () => {
    core.wasReset = true;
    await control.reset('halt', io);
    expect(core.halted).toBe(true);
    await control.reset('run', io);
    expect([core.halted, core.debugEnabled]).toEqual([false, false]);
  });

  it('does not take an old reset for the one it asked for', async () => {
    core.wasReset = true;
    const deaf = new CortexM(
      Object.assign(new Core(), {
        wasReset: true,
        writeWord: () => Promise.resolve(),
      }),
    );
    await expect(deaf.reset('run', io)).rejects.toMatchObject({ failure: { code: 'target-stuck' } });
  });
});

describe('registers', () => {
  it('come back as they were written, by the numbers of DCRSR', async () => {
    await control.halt(io);
    const values = { r0: 1, r12: 0xdead_beef, sp: 0x2000_1000, lr: 0xffff_ffff, pc: 0x100, xpsr: 0x0100_0000 };
    await control.writeRegisters(values, io);
    expect(await control.readRegisters(['r0', 'r12', 'sp', 'lr', 'pc', 'xpsr'], io)).toEqual(values);
    expect(core.registers.get(16)).toBe(0x0100_0000);
    expect(core.registers.get(13)).toBe(0x2000_1000);
  });
});

describe('breakpoints', () => {
  it('pick the halfword in the first revision of the unit', async () => {
    await control.setBreakpoint(0x1002, io);
    await control.setBreakpoint(0x1004, io);
    expect([...core.comparators]).toEqual([
      [0, 0x8000_1001],
      [1, 0x4000_1005],
    ]);
    expect(core.fpCtrl & 1).toBe(1);
  });

  it('hold the whole address in the second', async () => {
    core.fpCtrl = 0x1000_0260;
    await control.setBreakpoint(0x2000_0102, io);
    expect(core.comparators.get(0)).toBe(0x2000_0103);
  });

  it('become an instruction in RAM where the first revision does not reach, and go again', async () => {
    const code = Uint8Array.of(0x70, 0x47);
    await core.write(0x2000_0102, code);
    await control.setBreakpoint(0x2000_0102, io);
    expect(core.comparators.size).toBe(0);
    expect(await core.read(0x2000_0102, 2)).toEqual(Uint8Array.of(0x00, 0xbe));
    await control.clearBreakpoint(0x2000_0102, io);
    expect(await core.read(0x2000_0102, 2)).toEqual(code);
  });

  it('are set once, freed, and end where the unit ends', async () => {
    await control.setBreakpoint(0x10, io);
    await control.setBreakpoint(0x10, io);
    expect(core.comparators.size).toBe(1);
    await control.clearBreakpoint(0x10, io);
    expect(core.comparators.get(0)).toBe(0);
    for (let i = 0; i < 6; i++) await control.setBreakpoint(0x100 + 4 * i, io);
    await expect(control.setBreakpoint(0x200, io)).rejects.toMatchObject({
      failure: { code: 'internal', cause: 'all 6 breakpoint comparators are in use' },
    });
  });
});

describe('a core whose clock stands', () => {
  /** Refuses this many accesses before it answers. */
  function refusing(times: number): CortexM {
    let left = times;
    const asleep = new Core();
    const write = asleep.writeWord.bind(asleep);
    asleep.writeWord = (address, value) =>
      left-- > 0
        ? Promise.reject(new FlashlineError('target-fault', { params: { address: 'x' } }))
        : write(address, value);
    return new CortexM(asleep);
  }

  it('is asked to halt again until it answers', async () => {
    await expect(refusing(20).halt(io)).resolves.toBeUndefined();
  });

  it('and never answers is given up in bounded time', async () => {
    const before = time;
    await expect(refusing(Number.POSITIVE_INFINITY).halt(io)).rejects.toMatchObject({
      failure: { code: 'target-fault' },
    });
    expect(time - before).toBeLessThan(1000);
  });
});
