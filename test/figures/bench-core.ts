import { RP2040 } from 'rp2040js';
import { HALT, nrfCore, RAM_START, RUN } from '#test/support/bare-core.ts';

export interface BenchCore {
  /** Millions of instructions a second of this process' CPU time. */
  readonly instructionsPerUs: { readonly ours: number; readonly rp2040js: number };
  /** CPU milliseconds for an hour of waiting on a status register. */
  readonly hourOfWaitingMs: number;
}

/** ldr r0,[r1]; eors r2,r0; lsls r3,r2,#3; adds r4,r4,r3; str r4,[r1,#4]; subs r5,#1; bne; b . */
const LOOP = [0x6808, 0x4042, 0x00d3, 0x18e4, 0x604c, 0x3d01, 0xd1f8, 0xe7fe];
const PER_ROUND = 7;
const ROUNDS = 2_000_000;
const DATA = RAM_START + 0x1000;
/** ldr r0,[r1]; cmp r0,#1; beq .-4; b . */
const POLL = [0x6808, 0x2801, 0xd0fc, 0xe7fe];
const NVMC_READY = 0x4001e400;

/** How fast the bench's core executes a loop of loads, stores and arithmetic, beside rp2040js' on the same code. */
export function measureBenchCore(): BenchCore {
  return {
    instructionsPerUs: { ours: best(ours), rp2040js: best(theirs) },
    hourOfWaitingMs: waiting(),
  };
}

function best(run: () => number): number {
  return Math.max(...Array.from({ length: 5 }, () => (PER_ROUND * ROUNDS) / run()));
}

function cpuUs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function ours(): number {
  const { core } = nrfCore();
  core.halt();
  core.code(RAM_START, ...LOOP);
  core.setRegister(1, DATA);
  core.setRegister(5, ROUNDS);
  core.run(RAM_START);
  return cpuUs(() => {
    core.now += 10e9;
    core.write(0xe000edf0, HALT);
    if (core.register(5) !== 0) throw new Error('the loop did not end');
  });
}

function theirs(): number {
  const { core, sramView } = new RP2040();
  for (const [index, half] of LOOP.entries()) sramView.setUint16(index * 2, half, true);
  core.registers[1] = DATA;
  core.registers[5] = ROUNDS;
  core.PC = RAM_START;
  return cpuUs(() => {
    for (let i = 0; i < PER_ROUND * ROUNDS; i++) core.executeInstruction();
    if (core.registers[5] !== 0) throw new Error('the loop did not end');
  });
}

function waiting(): number {
  const { core } = nrfCore();
  core.halt();
  core.code(RAM_START, ...POLL);
  core.setRegister(1, NVMC_READY);
  core.setRegister(15, RAM_START);
  core.setRegister(16, 1 << 24);
  core.write(0xe000edf0, RUN);
  return (
    cpuUs(() => {
      for (let second = 0; second < 3600; second++) {
        core.now += 1e9;
        core.read(0xe000edf0);
      }
    }) / 1000
  );
}
