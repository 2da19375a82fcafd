import { readFileSync } from 'node:fs';
import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { CORTEX_M0PLUS } from '#main/bench/cpu/core-kind.ts';
import { Ram } from '#main/bench/cpu/ram.ts';
import { FlashArray } from '#main/bench/flash-array.ts';
import { FlashWork } from '#main/bench/flash-work.ts';
import { Prng } from '#main/bench/prng.ts';
import { NorFlash } from '#main/bench/rp2040/nor-flash.ts';
import { CoreView, Peripherals } from '#main/bench/rp2040/peripherals.ts';
import { BareCore, nrfCore, RAM_START } from '#test/support/bare-core.ts';
import { repositoryFile } from '#test/support/nrf51.ts';

const PROGRAM = RAM_START + 0x100;
const FLAG = RAM_START + 0x800;

/** Everything that can be told of a core and its RAM. */
function stateOf(core: BareCore): unknown {
  core.halt();
  const registers = Array.from({ length: 19 }, (_, index) => core.register(index));
  const ram = Array.from({ length: 0x1000 / 4 }, (_, index) => core.read(RAM_START + index * 4));
  return { registers, ram, cycles: core.scs.core.cycles, status: core.scs.core.status };
}

/**
 * Waits in three ways, one after the other, round and round: for the host to write FLAG, for the flash controller after it
 * has erased a page (with a register that counts down beside it), and for a delay to pass. Counts its rounds in r6.
 */
const WAITS = [
  0x4c0c, // start: ldr r4, =0x20000800
  0x6820, // host: ldr r0, [r4]
  0x42b0, // cmp r0, r6
  0xd9fc, // bls host
  0x4d0b, // ldr r5, =0x4001e400
  0x4a0c, // ldr r2, =0x104
  0x2002, // movs r0, #2
  0x50a8, // str r0, [r5, r2]
  0x3204, // adds r2, #4
  0x02b0, // lsls r0, r6, #10
  0x50a8, // str r0, [r5, r2]
  0x4b0a, // ldr r3, =8000000
  0x6828, // flash: ldr r0, [r5]
  0x2800, // cmp r0, #0
  0xd102, // bne ready
  0x3b01, // subs r3, #1
  0xd1fa, // bne flash
  0xbe00, // bkpt #0
  0x4907, // ready: ldr r1, =50000
  0x3901, // delay: subs r1, #1
  0x2900, // cmp r1, #0
  0xd1fc, // bne delay
  0x6063, // str r3, [r4, #4]
  0x3601, // adds r6, #1
  0xe7e6, // b start
  0x46c0,
];
const LITERALS = [FLAG, 0x4001e400, 0x104, 8_000_000, 50_000];

function waiting(skipSpins: boolean): BareCore {
  const { core } = nrfCore({ skipSpins });
  core.halt();
  for (let at = RAM_START; at < RAM_START + 0x1000; at += 4) core.write(at, 0);
  core.code(PROGRAM, ...WAITS);
  for (const [index, literal] of LITERALS.entries()) core.write(PROGRAM + WAITS.length * 2 + index * 4, literal);
  for (let index = 0; index < 13; index++) core.setRegister(index, 0);
  core.run(PROGRAM);
  return core;
}

const event = fc.record({
  wait: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 30_000_000 })),
  what: fc.constantFrom('look', 'flag', 'beside', 'controller', 'stop'),
  value: fc.integer({ min: 0, max: 4 }),
});
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

function live(core: BareCore, events: readonly Event[]): unknown {
  const seen: unknown[] = [];
  for (const { wait, what, value } of events) {
    core.now += wait;
    if (what === 'look') seen.push(core.read(FLAG + 4), core.read(0x4001e400));
    if (what === 'flag') core.write(FLAG, value);
    if (what === 'beside') core.write(FLAG + 0x10, value);
    if (what === 'controller') core.write(0x4001e540, value);
    if (what === 'stop') {
      core.halt();
      seen.push(core.register(15), core.register(3), core.register(1), core.register(6));
      core.write(0xe000edf0, 0xa05f0001);
    }
  }
  return { seen, end: stateOf(core) };
}

describe('a spinning loop is counted instead of executed', () => {
  it('and nobody can tell: registers, memory and time are the same at every look', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 12 }), (events) => {
        expect(live(waiting(true), events)).toEqual(live(waiting(false), events));
      }),
      { numRuns: 25 },
    );
  });

  it('a day of waiting costs nothing', () => {
    const core = waiting(true);
    const began = performance.now();
    core.now += 86_400e9;
    core.read(FLAG);
    core.write(FLAG, 1);
    core.now += 100e6;
    expect(core.read(FLAG + 4)).toBeGreaterThan(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe('a loop that asks a serial flash for its status', () => {
  const loader: { load: number; entry: number; mailbox: number; code: string } = JSON.parse(
    readFileSync(repositoryFile('resources/flash-algorithms/rp2040-ssi/rp2040-ssi.json'), 'utf8'),
  );

  function erase(skipSpins: boolean, polls: readonly number[]): unknown {
    const prng = new Prng(1);
    const cells = new FlashArray(0x10000000, 0x200000);
    const work = new FlashWork(() => undefined);
    const flash = new NorFlash({ cells, work, prng, uniqueId: new Uint8Array(8), jedecId: [0xef, 0x40, 0x15] });
    const peripherals = new Peripherals({
      ram: new Ram(RAM_START, 0x42000, prng),
      flash,
      wrongPart: () => false,
      beforeFlashRead: () => undefined,
      clockChanged: () => core.scs.core.setClock(peripherals.hz),
      resetRequest: () => undefined,
    });
    const core = new BareCore(new CoreView(peripherals, 0), { kind: CORTEX_M0PLUS, hz: peripherals.hz, skipSpins });
    core.halt();
    for (let at = RAM_START; at < RAM_START + 0x1000; at += 4) core.write(at, 0);
    core.load(loader.load, Buffer.from(loader.code, 'hex'));
    cells.program(0x10001000, 0);
    const box = [0xffffffff, 0, 0, 0, 1, 0x10001000, 0x1000, 0x1000, 0x18000000, 0, 0, 0];
    for (const [index, word] of box.entries()) core.write(loader.mailbox + index * 4, word);
    core.run(loader.entry);
    const seen = polls.map((wait) => {
      core.now += wait;
      return [core.read(loader.mailbox), core.read(loader.mailbox + 8)];
    });
    core.now += 60e6;
    expect(core.read(loader.mailbox)).toBe(0);
    expect(cells.readWord(0x10001000)).toBe(0xffffffff);
    return { seen, state: stateOf(core) };
  }

  it('is counted too, and ends at the same cycle', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000_000 }), { maxLength: 4 }), (polls) => {
        expect(erase(true, polls)).toEqual(erase(false, polls));
      }),
      { numRuns: 3 },
    );
  });
});
