import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { Board } from '#main/bench/board.ts';
import { CHIPS } from '#main/bench/chips.ts';
import type { Faults } from '#main/bench/faults.ts';
import { playSvf, type SvfSummary } from '#main/programmer/svf-player.ts';
import { BenchJtagPort } from '#test/support/bench-jtag-port.ts';
import { cpldSvf } from '#test/support/cpld-svf.ts';

const ROWS = ['0123456789ABCDEF0011223344556677', 'FFFFFFFFFFFFFFFF0000000000000000', '8'.repeat(32)];

function cpld(faults: Faults = []) {
  const kind = CHIPS['cpld'];
  if (!kind) throw new Error('no CPLD on the bench');
  const board = new Board({ serial: 'C1', kind, seed: 1, startAt: 0 });
  board.insert(faults);
  return { board, port: new BenchJtagPort(board) };
}

function pieces(text: string, size = 61): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

async function play(
  text: string,
  { board, port }: ReturnType<typeof cpld>,
  options: { readonly maxHz?: number; readonly progress?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
): Promise<SvfSummary> {
  const { maxHz = 10_000_000, progress, signal = new AbortController().signal } = options;
  return playSvf(
    pieces(text),
    port,
    { file: 'x.svf', maxHz, ...(progress ? { progress } : {}) },
    { clock: board.clock, signal },
  );
}

async function failureOf(promise: Promise<unknown>) {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('playing SVF', () => {
  it('programs and verifies a CPLD, and tells how far it is in bytes of the file', async () => {
    const unit = cpld();
    const { text } = cpldSvf({ rows: ROWS });
    const seen: number[] = [];
    const summary = await play(text, unit, { progress: (bytes) => seen.push(bytes) });
    expect(unit.board.chip.peek(0)).toBe(0x44556677);
    expect(unit.board.chip.peek(12)).toBe(0x01234567);
    expect(unit.board.chip.peek(32)).toBe(0x88888888);
    expect(unit.board.chip.peek(48)).toBe(0xffffffff);
    expect(summary.compared).toBe(3 + ROWS.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(text.length - 1);
    expect(unit.board.line.chain.state).toBe('reset');
  });

  it('a wrong bit is a failure of the unit, with the line, the bit, and what was seen', async () => {
    const unit = cpld([{ kind: 'stuck-bit', address: 16, bit: 9, value: 1 }]);
    const { text, rowLines } = cpldSvf({ rows: ROWS });
    expect(await failureOf(play(text, unit))).toMatchObject({
      code: 'svf-mismatch',
      blame: 'unit',
      where: { file: 'x.svf', line: rowLines[1] },
      params: { bit: '9', expected: '0000000000000000', found: '0000000000000200', mask: 'F'.repeat(16) },
    });
    expect(unit.board.line.chain.state).toBe('reset');
  });

  it('the wrong part is not erased: nothing is instructed before what was compared is known to be right', async () => {
    const unit = cpld();
    unit.board.chip.preload(0, 0x1234);
    const { text } = cpldSvf({ rows: ROWS });
    const failure = await failureOf(play(text.replace('TDO (1C064F4B)', 'TDO (1C064F49)'), unit));
    expect(failure).toMatchObject({ code: 'svf-mismatch', where: { line: 8 }, params: { bit: '1' } });
    expect(unit.board.report().flashOperations).toBe(0);
    expect(unit.board.chip.peek(0)).toBe(0x1234);
  });

  it('waits are kept: as clocks where they are short, as time where they are long', async () => {
    for (const seconds of ['1.0E-3', '1E-1']) {
      const unit = cpld();
      await play(cpldSvf({ rows: ROWS, rowWait: `${seconds} SEC` }).text, unit);
      expect(unit.board.report().flashOperations).toBe(2 + ROWS.length);
    }
    const unit = cpld();
    // Too short for the part: it loses rows, and verification sees that.
    expect(await failureOf(play(cpldSvf({ rows: ROWS, rowWait: '1E-5 SEC' }).text, unit))).toMatchObject({
      code: 'svf-mismatch',
    });
  });

  it('TCK is the slower of what the file and the station say', async () => {
    const time = async (text: string, maxHz: number) => {
      const unit = cpld();
      const from = unit.board.clock.monotonic();
      await play(text, unit, { maxHz });
      return unit.board.clock.monotonic() - from;
    };
    expect(await time('FREQUENCY 1E6 HZ; RUNTEST 10000 TCK;', 10_000_000)).toBeCloseTo(10, 1);
    expect(await time('FREQUENCY 1E6 HZ; RUNTEST 10000 TCK;', 100_000)).toBeCloseTo(100, 0);
    expect(await time('FREQUENCY 1E6 HZ; FREQUENCY; RUNTEST 10000 TCK;', 10_000_000)).toBeCloseTo(1, 1);
    expect(await time('RUNTEST 0.5 SEC;', 10_000_000)).toBeCloseTo(500, 0);
    expect(await time('RUNTEST 1000000 TCK 0.01 SEC;', 10_000_000)).toBeCloseTo(100, 0);
  });

  it('header and trailer are where they belong, and the bit of a mismatch counts from the command', async () => {
    const text = (tdo: string) =>
      `STATE RESET; HDR 3 TDI (0); TDR 2 TDI (3); HIR 0; SDR 29 TDI (1FFFFFFF) TDO (${tdo}); TRST ABSENT;`;
    // IDCODE after a reset: three bits of header, 29 of the command, and the two trailer bits come out of TDI's.
    expect((await play(text('0380C9E9'), cpld())).compared).toBe(1);
    expect(await failureOf(play(text('0380C9E8'), cpld()))).toMatchObject({ params: { bit: '0' } });
  });

  it('what a probe cannot do is said with its line', async () => {
    expect(await failureOf(play('STATE IDLE;\nRUNTEST 10 SCK;', cpld()))).toMatchObject({
      code: 'svf-unsupported',
      where: { line: 2 },
    });
    expect(await failureOf(play('PIOMAP (IN A OUT B);\n\nPIO (HL);', cpld()))).toMatchObject({
      code: 'svf-unsupported',
      where: { line: 3 },
    });
    expect(await failureOf(play('STATE IDLE;\nSTATE IRSHIFT IREXIT1 IRUPDATE IDLE;', cpld()))).toMatchObject({
      code: 'svf-syntax',
      where: { line: 2 },
    });
  });

  it('a file that breaks off leaves the controllers in reset', async () => {
    const unit = cpld();
    const { text } = cpldSvf({ rows: ROWS });
    expect(await failureOf(play(text.slice(0, -25), unit))).toMatchObject({ code: 'svf-syntax' });
    expect(unit.board.line.chain.state).toBe('reset');
  });

  it('an abort comes through, and leaves the controllers in reset', async () => {
    const unit = cpld();
    const abort = new AbortController();
    const promise = play(cpldSvf({ rows: ROWS }).text, unit, {
      signal: abort.signal,
      progress: (bytes) => {
        if (bytes > 500) abort.abort();
      },
    });
    await expect(promise).rejects.toMatchObject({ name: 'AbortError' });
    expect(unit.board.line.chain.state).toBe('reset');
  });

  it('a probe pulled out at any moment is a probe that is lost', async () => {
    const { text } = cpldSvf({ rows: ROWS });
    const whole = cpld();
    await play(text, whole);
    for (let lostAt = 0; lostAt < whole.port.calls; lostAt++) {
      const unit = cpld();
      unit.port.lostAt = lostAt;
      expect(await failureOf(play(text, unit))).toMatchObject({ code: 'probe-lost' });
    }
  });
});
