import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { TAP_STATES, type TapState, tapPath, tapStateAfter } from '#shared/model/tap-state.ts';
import { JtagChain } from '#main/bench/jtag/chain.ts';
import { bitsOf, Tap, type Bits } from '#main/bench/jtag/tap.ts';

const SCRATCH = 0b011;
const IDCODE = 0b010;

function scratchTap(irLength: number, idcode: number | undefined, length: number) {
  let value: Bits = new Uint8Array(length);
  return new Tap({
    name: 't',
    irLength,
    captureIr: 0b101,
    ...(idcode === undefined ? {} : { idcode: { instruction: IDCODE, value: () => idcode } }),
    registers: new Map([[SCRATCH, { length, capture: () => value.slice(), update: (bits) => (value = bits.slice()) }]]),
  });
}

/** The same TAP, slowly: strings of bits, the one nearest to TDO first. */
class SlowTap {
  instruction: string;
  shift = '';
  scratch: string;
  readonly #irLength: number;
  readonly #idcode: number | undefined;
  readonly #first: string;

  constructor(irLength: number, idcode: number | undefined, length: number) {
    this.#irLength = irLength;
    this.#idcode = idcode;
    this.#first = idcode === undefined ? '1'.repeat(irLength) : text(IDCODE, irLength);
    this.instruction = this.#first;
    this.scratch = '0'.repeat(length);
  }

  enter(state: TapState): void {
    if (state === 'reset') this.instruction = this.#first;
    if (state === 'irupdate') this.instruction = this.shift;
    if (state === 'drupdate' && this.instruction === text(SCRATCH, this.#irLength)) this.scratch = this.shift;
  }

  capture(state: TapState): void {
    if (state === 'ircapture') this.shift = text(0b101, this.#irLength);
    if (state !== 'drcapture') return;
    if (this.#idcode !== undefined && this.instruction === text(IDCODE, this.#irLength))
      this.shift = text(this.#idcode, 32);
    else this.shift = this.instruction === text(SCRATCH, this.#irLength) ? this.scratch : '0';
  }
}

function text(value: number, length: number): string {
  return [...bitsOf(value, length)].join('');
}

const anyTap = fc.tuple(
  fc.integer({ min: 3, max: 9 }),
  fc.option(fc.constantFrom(0x4ba00477, 0x06413041), { nil: undefined }),
  fc.integer({ min: 1, max: 20 }),
);

describe('a chain of TAPs', () => {
  it('does on any walk what the table says, and shifts as a row of bits does', () => {
    const clocks = fc.array(fc.tuple(fc.constantFrom<(0 | 1)[]>(0, 1), fc.constantFrom<(0 | 1)[]>(0, 1)), {
      minLength: 50,
      maxLength: 600,
    });
    fc.assert(
      fc.property(fc.array(anyTap, { minLength: 1, maxLength: 4 }), clocks, (taps, walk) => {
        const chain = new JtagChain(taps.map((args) => scratchTap(...args)));
        const slow = taps.map((args) => new SlowTap(...args));
        let state: TapState = 'reset';
        for (const [tms, tdi] of walk) {
          const shifting = state === 'drshift' || state === 'irshift';
          const row = slow.map((tap) => tap.shift).join('');
          expect(chain.tdo).toBe(shifting ? Number(row[0]) : 1);
          chain.clock(tms, tdi, 0);
          if (shifting) {
            let rest = row.slice(1) + String(tdi);
            for (const tap of slow) {
              const { length } = tap.shift;
              tap.shift = rest.slice(0, length);
              rest = rest.slice(length);
            }
          }
          for (const tap of slow) tap.capture(state);
          state = tapStateAfter(state, tms);
          for (const tap of slow) tap.enter(state);
          expect(chain.state.replace('-', '')).toBe(swapped(state));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('five ones lead to reset from anywhere; the ways are as short as can be', () => {
    for (const from of TAP_STATES) {
      expect(([1, 1, 1, 1, 1] as const).reduce<TapState>(tapStateAfter, from)).toBe('reset');
      for (const to of TAP_STATES) {
        const path = tapPath(from, to);
        expect(path.reduce<TapState>(tapStateAfter, from)).toBe(to);
        // No shorter one by trying all.
        for (let length = 0; length < path.length; length++) {
          for (let ways = 0; ways < 2 ** length; ways++) {
            const bits = Array.from({ length }, (_, i) => ((ways >> i) & 1) as 0 | 1);
            if (bits.reduce<TapState>(tapStateAfter, from) === to) throw new Error(`${from} to ${to} is shorter`);
          }
        }
      }
    }
  });

  it('nTRST holds it in reset', () => {
    const chain = new JtagChain([scratchTap(4, 0x4ba00477, 8)]);
    for (const tms of [0, 1, 0, 0] as const) chain.clock(tms, 1, 0);
    expect(chain.state).toBe('shift-dr');
    chain.testReset(true, 0);
    for (const tms of [0, 1, 0, 0] as const) chain.clock(tms, 1, 0);
    expect(chain.state).toBe('reset');
    chain.testReset(false, 0);
    for (const tms of [0, 1, 0, 0] as const) chain.clock(tms, 1, 0);
    expect(chain.state).toBe('shift-dr');
  });
});

/** The bench has names and a table of its own: `shift-dr` is SVF's `drshift`. */
function swapped(state: TapState): string {
  const [, register, rest] = /^(dr|ir)(.+)$/.exec(state) ?? [];
  return register === undefined ? state : `${rest}${register}`;
}
