import * as fc from '#test/support/fast-check.ts';
import { expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { JtagChain } from '#main/bench/jtag/chain.ts';
import { Tap, type Bits } from '#main/bench/jtag/tap.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import { playSvf } from '#main/programmer/svf-player.ts';
import { chainPort } from '#test/support/chain-port.ts';

/** Bits as strings, the first through TDI first. */
type Row = string;

const SCRATCH_BITS = 11;
const IR_BITS = [4, 3];

/** Two TAPs; every instruction but ones puts a scratch register between TDI and TDO. */
function chainOf(): JtagChain {
  return new JtagChain(
    IR_BITS.map((irLength) => {
      let value: Bits = new Uint8Array(SCRATCH_BITS);
      const register = {
        length: SCRATCH_BITS,
        capture: () => value.slice(),
        update: (bits: Bits) => (value = bits.slice()),
      };
      const registers = new Map(Array.from({ length: 2 ** irLength - 1 }, (_, instruction) => [instruction, register]));
      return new Tap({ name: 't', irLength, captureIr: 1, registers });
    }),
  );
}

/** The same two, and how they go on after a pause: no states, no clocks, only rows of bits. */
class Slow {
  #instructions = IR_BITS.map((length) => '1'.repeat(length));
  #scratches = IR_BITS.map(() => '0'.repeat(SCRATCH_BITS));
  #paused: { readonly register: 'dr' | 'ir'; row: Row } | undefined;

  reset(): void {
    this.leave();
    this.#instructions = IR_BITS.map((length) => '1'.repeat(length));
  }

  /** What a way through Update does. */
  leave(): void {
    const paused = this.#paused;
    this.#paused = undefined;
    if (!paused) return;
    let { row } = paused;
    for (const [tap, length] of this.#lengths(paused.register).entries()) {
      const part = row.slice(0, length);
      row = row.slice(length);
      if (paused.register === 'ir') this.#next[tap] = part;
      else if (this.#instructions[tap] !== '1'.repeat(IR_BITS[tap] ?? 0)) this.#scratches[tap] = part;
    }
    if (paused.register === 'ir') this.#instructions = [...this.#next];
  }

  readonly #next = [...this.#instructions];

  scan(register: 'dr' | 'ir', tdi: Row, end: string): Row {
    if (this.#paused?.register !== register) this.leave();
    const start = this.#paused?.row ?? this.#captured(register);
    const stream = start + tdi;
    this.#paused = { register, row: stream.slice(tdi.length) };
    if (end !== `${register.toUpperCase()}PAUSE`) this.leave();
    return stream.slice(0, tdi.length);
  }

  #captured(register: 'dr' | 'ir'): Row {
    if (register === 'ir') return IR_BITS.map((length) => `1${'0'.repeat(length - 1)}`).join('');
    return this.#instructions.map((held, tap) => (held.includes('0') ? (this.#scratches[tap] ?? '') : '0')).join('');
  }

  #lengths(register: 'dr' | 'ir'): readonly number[] {
    if (register === 'ir') return IR_BITS;
    return this.#instructions.map((held) => (held.includes('0') ? SCRATCH_BITS : 1));
  }
}

const row = (min: number, max: number) =>
  fc.array(fc.constantFrom('0', '1'), { minLength: min, maxLength: max }).map((bits) => bits.join(''));

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('SDR', 'SIR'),
      tdi: row(1, 30),
      mask: row(30, 30),
      again: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('HDR', 'TDR', 'HIR', 'TIR'), tdi: row(0, 5) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('END'), register: fc.constantFrom('DR', 'IR'), pause: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('STATE'), state: fc.constantFrom('RESET', 'IDLE') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('RUNTEST'), clocks: fc.nat(20) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** The program as text with what TDO must show, in any layout. `wrong`: the comparison that is spoilt, by its number. */
function render(commands: readonly Command[], layout: number, wrong: number) {
  const slow = new Slow();
  const pads: Record<string, Row> = { HDR: '', TDR: '', HIR: '', TIR: '' };
  const ends: Record<string, string> = { DR: 'IDLE', IR: 'IDLE' };
  const last: Record<string, Row | undefined> = {};
  const statements: string[] = [];
  let comparisons = 0;
  let wrongStatement: number | undefined;
  const add = (text: string) => statements.push(`${text};`);
  add('STATE RESET');
  for (const given of commands) {
    if (given.kind === 'END') {
      const { register, pause } = given as { register: string; pause: boolean };
      ends[register] = pause ? `${register}PAUSE` : 'IDLE';
      add(`END${register} ${ends[register]}`);
    } else if (given.kind === 'STATE') {
      const { state } = given as { state: string };
      if (state === 'RESET') slow.reset();
      else slow.leave();
      add(`STATE ${state}`);
    } else if (given.kind === 'RUNTEST') {
      slow.leave();
      add(`RUNTEST IDLE ${(given as { clocks: number }).clocks} TCK`);
    } else if (given.kind.startsWith('S')) {
      const { kind, tdi: fresh, mask: masks, again } = given as { kind: string; tdi: Row; mask: Row; again: boolean };
      const register = kind.slice(1);
      const before = last[kind];
      // Left out, the last TDI of that length counts.
      const omitted = again && before !== undefined;
      const tdi = omitted ? before : fresh;
      last[kind] = tdi;
      const [header, trailer] = [pads[`H${register}`] ?? '', pads[`T${register}`] ?? ''];
      const out = slow.scan(register === 'DR' ? 'dr' : 'ir', header + tdi + trailer, ends[register] ?? '');
      const own = out.slice(header.length, header.length + tdi.length);
      const mask = masks.slice(0, tdi.length);
      const bit = mask.indexOf('1');
      let tdo = own;
      if (comparisons++ === wrong && bit >= 0) {
        tdo = own.slice(0, bit) + (own[bit] === '1' ? '0' : '1') + own.slice(bit + 1);
        wrongStatement = statements.length;
      }
      add(`${kind} ${tdi.length}${omitted ? '' : ` TDI (${hex(tdi)})`} TDO (${hex(tdo)}) MASK (${hex(mask)})`);
    } else {
      const { kind, tdi } = given as { kind: string; tdi: Row };
      pads[kind] = tdi;
      add(tdi === '' ? `${kind} 0` : `${kind} ${tdi.length} TDI (${hex(tdi)})`);
    }
  }
  return { ...laidOut(statements, layout, wrongStatement), comparisons };
}

/** Statements over lines, with blanks and comments where they may be. Returns the line on which one of them begins. */
function laidOut(statements: readonly string[], layout: number, wanted: number | undefined) {
  let text = '';
  let line: number | undefined;
  const separators = [' ', '\n', '\r\n', '\t', ' ! note; (\n', '\n// note\n', '\n\n'];
  for (const [index, statement] of statements.entries()) {
    if (index === wanted) line = text.split('\n').length;
    const separator = separators[(layout + index) % separators.length] ?? ' ';
    text += statement.replaceAll(' ', (layout + index) % 3 === 0 ? separator : ' ');
    text += separators[(layout + 3 * index) % separators.length] ?? '\n';
  }
  return { text: layout % 2 === 0 ? text : text.toLowerCase(), line };
}

function hex(bits: Row): string {
  const number = BigInt(`0b${bits.split('').toReversed().join('')}`);
  return number.toString(16).padStart(Math.ceil(bits.length / 4), '0');
}

it('any program passes where TDO is as it must be, and stops at the very line where it is not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 25 }),
      fc.nat(1000),
      fc.option(fc.nat(20), { nil: -1 }),
      fc.integer({ min: 1, max: 80 }),
      async (commands, layout, wrong, piece) => {
        const { text, line, comparisons } = render(commands, layout, wrong);
        const bytes = new TextEncoder().encode(text);
        const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) =>
          bytes.subarray(i * piece, (i + 1) * piece),
        );
        const io = { clock: new VirtualClock(0), signal: new AbortController().signal };
        const outcome = await playSvf(pieces, chainPort(chainOf()), { file: 'r.svf', maxHz: 1e6 }, io).then(
          ({ compared }) => ({ compared }),
          (error: unknown) =>
            error instanceof FlashlineError ? { code: error.failure.code, line: error.failure.where.line } : error,
        );
        expect(outcome).toEqual(line === undefined ? { compared: comparisons } : { code: 'svf-mismatch', line });
      },
    ),
    { numRuns: 300 },
  );
});
