import { describe, expect, it } from 'vitest';
import { CORTEX_M4 } from '#main/bench/cpu/core-kind.ts';
import {
  type BareCore,
  type BareOptions,
  DEMCR,
  DFSR,
  DHCSR,
  HALT,
  nrfCore,
  RAM_START,
  RUN,
  STEP,
} from '#test/support/bare-core.ts';

const S_HALT = 1 << 17;
const S_SLEEP = 1 << 18;
const S_LOCKUP = 1 << 19;
const CODE = RAM_START;
const NOP = 0xbf00;
const BKPT = 0xbe00;
const FOREVER = 0xe7fe;
const UNDEFINED = 0xde00;
const BP_CTRL = 0xe0002000;
const BP_COMP0 = 0xe0002008;
const VC_HARDERR = 1 << 10;

/** Halted, with this code in RAM. */
function halted(code: readonly number[], options: BareOptions = {}): BareCore {
  const { core } = nrfCore(options);
  core.halt();
  core.code(CODE, ...code);
  return core;
}

/** Firmware in flash from 0x100, hard faults to 0x180. */
function firmware(code: readonly number[], options: BareOptions = {}) {
  const made = nrfCore(options);
  const { flash } = made;
  flash.program(0, RAM_START + 0x1000);
  flash.program(4, 0x101);
  flash.program(12, 0x181);
  const put = (at: number, halves: readonly number[]): void => {
    for (let i = 0; i < halves.length; i += 2) {
      flash.program(at + i * 2, ((halves[i] ?? 0) | ((halves[i + 1] ?? NOP) << 16)) >>> 0);
    }
  };
  put(0x100, code);
  put(0x180, [FOREVER]);
  const reset = (): void => made.core.scs.reset(flash.readWord(0), flash.readWord(4), made.core.now);
  return { ...made, reset };
}

describe('halting', () => {
  it('a running core stops where it is, and goes on from there', () => {
    const core = halted([0x3001, 0xe7fd]); // adds r0, #1; b .-2
    core.setRegister(0, 0);
    core.run(CODE);
    core.now += 1_000_000;
    core.halt();
    const first = core.register(0);
    expect(first).toBeGreaterThan(3000);
    core.now += 1_000_000;
    expect(core.register(0)).toBe(first);
    core.write(DHCSR, RUN);
    core.now += 1_000_000;
    core.halt();
    expect(core.register(0) / first).toBeCloseTo(2, 1);
  });

  it('steps one instruction at a time', () => {
    const core = halted([0x2001, 0x2102, 0xe7fc]);
    core.setRegister(15, CODE);
    core.setRegister(16, 1 << 24);
    const places = [1, 2, 3].map(() => {
      core.write(DHCSR, STEP);
      expect(core.read(DHCSR) & S_HALT).toBe(S_HALT);
      return core.register(15);
    });
    expect(places).toEqual([CODE + 2, CODE + 4, CODE]);
  });

  it('registers are out of reach while it runs', () => {
    const core = halted([FOREVER]);
    core.setRegister(0, 7);
    core.run(CODE);
    core.setRegister(0, 8);
    core.halt();
    expect(core.register(0)).toBe(7);
  });

  it('a BKPT halts it there and says why', () => {
    const core = halted([NOP, BKPT]);
    core.write(DFSR, 0xff);
    core.run(CODE);
    expect(core.after(10_000)).toBe('halted');
    expect([core.register(15), core.read(DFSR)]).toEqual([CODE + 2, 2]);
  });

  it('a comparator halts it before its instruction, in either half of a word', () => {
    for (const at of [0x104, 0x106]) {
      const { core, reset } = firmware([NOP, NOP, 0x2001, 0x2002, FOREVER]);
      core.write(DHCSR, RUN);
      core.write(BP_CTRL, 3);
      core.write(BP_COMP0, (at & ~3) | 1 | (at & 2 ? 0x80000000 : 0x40000000));
      reset();
      expect(core.after(10_000)).toBe('halted');
      expect([core.register(15), core.register(0)]).toEqual([at, at === 0x104 ? 0 : 1]);
    }
  });

  it('BP_CTRL needs its key', () => {
    const { core, reset } = firmware([NOP, FOREVER]);
    core.write(DHCSR, RUN);
    core.write(BP_CTRL, 1);
    core.write(BP_COMP0, 0x100 | 1 | 0x40000000);
    reset();
    expect(core.after(10_000)).toBe('running');
    expect(core.read(BP_CTRL)).toBe(0x40);
  });
});

describe('faults', () => {
  it('a BKPT without a debugger is one', () => {
    const { core, reset } = firmware([BKPT]);
    reset();
    core.after(10_000);
    core.write(DHCSR, HALT);
    expect(core.register(15)).toBe(0x180);
    expect(core.register(16) & 0x3f).toBe(3);
  });

  it('are caught at the handler when DEMCR says so', () => {
    const { core, reset } = firmware([0x4800, 0x6800, FOREVER, NOP]); // ldr r0, [pc]; ldr r0, [r0]: an address that nobody answers
    core.write(DHCSR, RUN);
    core.write(DEMCR, VC_HARDERR);
    reset();
    expect(core.after(10_000)).toBe('halted');
    expect([core.register(15), core.read(DFSR) & 8]).toEqual([0x180, 8]);
    // The frame that was stacked names the instruction.
    expect(core.read(core.register(13) + 0x18)).toBe(0x102);
  });

  it('one in its handler locks the core up, which a debugger can halt', () => {
    const { core, flash, reset } = firmware([UNDEFINED]);
    flash.program(0x180, 0xde00de00);
    reset();
    expect(core.after(10_000)).toBe('locked-up');
    expect(core.read(DHCSR) & (S_LOCKUP | S_HALT)).toBe(S_LOCKUP);
    core.write(DHCSR, HALT);
    expect(core.read(DHCSR) & (S_LOCKUP | S_HALT)).toBe(S_HALT);
  });

  it('erased flash locks up at once', () => {
    const { core } = nrfCore();
    expect(core.after(10_000)).toBe('locked-up');
  });

  it('a jump without the Thumb bit is one, and so is what ARMv6-M does not define', () => {
    for (const code of [[0x4700], [0xbf08], [0xb100], [0xe840, 0x0000], [0xf04f, 0x0001]]) {
      // movs r0, #0 first; then bx r0, IT, CBZ, STREX, MOV.W
      const { core, reset } = firmware([0x2000, ...code]);
      reset();
      core.after(10_000);
      core.write(DHCSR, HALT);
      expect(core.register(15)).toBe(0x180);
    }
  });

  it('SVC calls its handler, which returns behind it', () => {
    const { core, flash, reset } = firmware([0x2005, 0xdf00, 0x3001, FOREVER]); // movs r0, #5; svc; adds r0, #1
    flash.program(0x2c, 0x1c1);
    flash.program(0x1c0, 0x47702420); // movs r4, #32; bx lr
    reset();
    core.after(10_000);
    core.write(DHCSR, HALT);
    expect([core.register(0), core.register(4), core.register(15)]).toEqual([6, 32, 0x106]);
    expect(core.register(13)).toBe(RAM_START + 0x1000);
  });
});

describe('standing still', () => {
  it('WFI sleeps until a debugger halts the core', () => {
    const core = halted([0xbf30, FOREVER]);
    core.run(CODE);
    expect(core.after(10_000)).toBe('sleeping');
    expect(core.read(DHCSR) & (S_SLEEP | S_HALT)).toBe(S_SLEEP);
    core.halt();
    expect([core.read(DHCSR) & S_HALT, core.register(15)]).toEqual([S_HALT, CODE + 2]);
  });

  it('WFE after SEV goes on', () => {
    const core = halted([0xbf40, 0xbf20, BKPT]);
    core.run(CODE);
    expect(core.after(10_000)).toBe('halted');
  });

  it('a Cortex-M4 that meets an instruction beyond ARMv6-M runs on, for all that a debugger sees', () => {
    const core = halted([0xf04f, 0x0001, FOREVER], { kind: CORTEX_M4 }); // mov.w r0, #1
    core.run(CODE);
    expect(core.after(10_000)).toBe('parked');
    expect(core.read(DHCSR) & (S_HALT | S_LOCKUP | S_SLEEP)).toBe(0);
    core.halt();
    expect(core.register(15)).toBe(CODE);
  });

  it('firmware that runs by itself is followed for so long; a program that a debugger started, for ever', () => {
    const busy = [0x3001, 0x6008, 0xe7fc]; // adds r0, #1; str r0, [r1]; b .-4
    const { core, reset } = firmware([0x4902, ...busy, NOP, NOP, 0x0000, 0x2000], { firmwareCycles: 10_000 });
    reset();
    expect(core.after(2_000_000)).toBe('parked');
    core.halt();
    core.run(0x102);
    expect(core.after(2_000_000)).toBe('running');
  });

  it('the program can reset the chip', () => {
    const { core } = nrfCore();
    core.halt();
    // ldr r0, =AIRCR; ldr r1, =SYSRESETREQ; str r1, [r0]; b .
    core.code(CODE + 0x40, 0x4801, 0x4902, 0x6001, FOREVER);
    core.write(CODE + 0x48, 0xe000ed0c);
    core.write(CODE + 0x4c, 0x05fa0004);
    core.code(CODE, 0x2042, FOREVER);
    core.run(CODE + 0x40);
    core.after(100_000);
    core.halt();
    expect([core.register(0), core.register(15)]).toEqual([0x42, CODE + 2]);
  });
});

describe('while the flash controller is busy', () => {
  it('code in RAM runs, and a read of flash holds it until the erase has ended', () => {
    const { core } = nrfCore();
    core.halt();
    core.code(CODE, 0x2000, 0x6840, BKPT); // movs r0, #0; ldr r0, [r0, #4]
    core.write(0x4001e504, 2);
    core.write(0x4001e508, 0);
    const begun = core.now;
    core.run(CODE);
    core.now = begun + 20_900_000;
    expect(core.after(0)).toBe('running');
    expect(core.after(200_000)).toBe('halted');
  });
});
