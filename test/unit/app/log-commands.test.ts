import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { canonicalJson, recordHash } from '#shared/model/record-chain.ts';
import { type RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';
import type { CliContext } from '#main/app/commands/command.ts';
import { csvLine } from '#main/app/commands/log-csv.ts';
import { spanOf } from '#main/app/commands/log-times.ts';
import { runCli as runProgram } from '#main/app/commands/run-cli.ts';
import { failureTexts } from '#main/app/compose-home.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, Village } from '../log/fixtures.ts';
import { ROOT } from '#test/support/cli.ts';

const home = mkdtempSync(join(tmpdir(), 'flashline-test-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const RECORDS = 1201;
const FAILED = { verdict: 'FAIL', failure: { code: 'verify-mismatch', blame: 'unit', where: {}, params: {} } } as const;
const SPECIAL = {
  operator: '=HYPERLINK("http://x","y")',
  batch: 'lot 7',
  order: 'o,7',
  macs: ['02:00:5e:00:53:07'],
};
const at = (second: number): string => new Date(Date.UTC(2026, 2, 29) + second * 1000).toISOString();

beforeAll(async () => {
  const database = openLogDatabase({ file: join(home, 'station.db'), clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  // One transaction: a log works within its call, so what it promises is done when it has returned.
  await Promise.all(
    database.transaction(() =>
      Array.from({ length: RECORDS }, (_, i) => [log.begin(opening(`r${i}`)), log.finish(recordOf(i))]).flat(),
    ),
  );
  await log.close();
});

function recordOf(i: number): RecordDraft {
  return draft(`r${i}`, {
    serial: `HB${i}`,
    uid: `uid ${i}`,
    finishedAt: at(i),
    ...(i % 10 === 0 ? FAILED : {}),
    ...(i % 2 === 0 ? { product: { id: 'even', revision: 'A', name: 'Even' } } : {}),
    ...(i === 7 ? SPECIAL : {}),
  });
}

interface Told {
  /** Called after each page, with the lines so far: false when nobody reads on. */
  readonly printed?: (lines: number) => boolean;
  readonly signal?: AbortSignal;
}

async function run(
  args: readonly string[],
  { printed = () => true, signal = new AbortController().signal }: Told = {},
) {
  const lines: string[] = [];
  const said: string[] = [];
  const resources = join(ROOT, 'resources');
  const context: CliContext = {
    print: (line) => lines.push(line),
    printed: async () => printed(lines.length),
    say: (line) => said.push(line),
    terminal: null,
    env: { FLASHLINE_HOME: home },
    signal,
    resources,
    appVersion: '0.0.0-test',
    describeFailure: failureTexts(resources),
  };
  const code = await runProgram(['log', ...args], context);
  return { code, lines, said: said.join('\n') };
}

const serialsOf = (lines: readonly string[]) => lines.map((line) => UnitRecord.parse(JSON.parse(line)).serial);

describe('log export', () => {
  it('writes every record once, in order, as it is kept, a page at a time', async () => {
    const pages: number[] = [];
    const { code, lines } = await run(['export'], { printed: (count) => pages.push(count) > 0 });
    expect(code).toBe(0);
    expect(serialsOf(lines)).toEqual(Array.from({ length: RECORDS }, (_, index) => `HB${index}`));
    expect(lines.filter((line) => recordHash(JSON.parse(line)) !== JSON.parse(line).hash)).toEqual([]);
    expect(lines[3]).toBe(canonicalJson(JSON.parse(lines[3] ?? '')));
    expect(pages).toEqual([500, 1000, RECORDS]);
  });

  it('stops when whoever reads is gone, and when it is stopped', async () => {
    expect((await run(['export'], { printed: () => false })).lines).toHaveLength(500);
    const stopping = new AbortController();
    const stopped = await run(['export'], {
      printed: () => (stopping.abort(new FlashlineError('aborted')), true),
      signal: stopping.signal,
    });
    expect(stopped).toMatchObject({ code: 4 });
    expect(stopped.lines).toHaveLength(500);
  });

  it.each<readonly [string, readonly string[], readonly string[]]>([
    ['a span', ['--from', '2026-03-29T00:00:05Z', '--to', '2026-03-29T02:00:08+02:00'], ['HB5', 'HB6', 'HB7']],
    ['a product in a span', ['--product', 'even', '--to', '2026-03-29T00:00:05.000Z'], ['HB0', 'HB2', 'HB4']],
    ['a unit', ['--serial', 'HB9'], ['HB9']],
    ['nothing', ['--to', '2026-03-29'], []],
  ])('writes %s', async (_, args, serials) => {
    expect(serialsOf((await run(['export', ...args])).lines)).toEqual(serials);
  });

  it('writes tables that no spreadsheet runs', async () => {
    const { lines } = await run(['export', '--format', 'csv', '--serial', 'HB7']);
    expect(lines).toHaveLength(2);
    expect(lines[0]?.split(',')).toHaveLength(22);
    expect(lines[1]).toContain(`"'=HYPERLINK(""http://x"",""y"")"`);
    expect(lines[1]).toContain(',"o,7",lot 7,02:00:5e:00:53:07,');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\r=x'])('keeps %j from being a formula', (serial) => {
    const record = { ...draft('r'), serial, sequence: 1, previousHash: '0'.repeat(64), hash: '1'.repeat(64) };
    expect(csvLine(record).split(',')[4]?.replaceAll('"', '')).toBe(`'${serial}`);
  });
});

describe('log show', () => {
  it.each<readonly [readonly string[], readonly string[]]>([
    [['--serial', 'HB3'], ['HB3']],
    [['--uid', 'uid 4'], ['HB4']],
    [['--mac', '02-00-5E-00-53-07'], ['HB7']],
    [['--batch', 'lot 7'], ['HB7']],
    [['--order', 'o,7', '--verdict', 'PASS'], ['HB7']],
    [['--order', 'o,7', '--verdict', 'FAIL'], []],
    [
      ['--product', 'even', '--verdict', 'FAIL', '--limit', '2'],
      ['HB1200', 'HB1190'],
    ],
    [['--image', 'B'.repeat(64), '--limit', '1'], ['HB1200']],
    [
      ['--to', '2026-03-29T00:00:02Z'],
      ['HB1', 'HB0'],
    ],
  ])('finds by %j', async (args, serials) => {
    const { code, lines } = await run(['show', ...args, '--json']);
    expect(code).toBe(0);
    expect(serialsOf(lines)).toEqual(serials);
  });

  it.each([
    ['a verdict that there is not', ['show', '--verdict', 'GOOD']],
    ['a short MAC', ['show', '--mac', '02:00']],
    ['a short hash', ['show', '--image', 'abc']],
    ['two facets', ['show', '--batch', 'a', '--order', 'b']],
    ['a limit of none', ['show', '--limit', '0']],
    ['a day that there was not', ['show', '--from', '2026-02-29']],
    ['a time without a zone', ['export', '--from', '2026-03-29T02:30:00']],
    ['an end before the beginning', ['export', '--from', '2026-03-02', '--to', '2026-03-01']],
    ['an unknown format', ['export', '--format', 'xlsx']],
    ['a yield without a span', ['yield', '--from', '2026-03-02']],
  ])('refuses %s with 2', async (_, args) => {
    expect((await run(args)).code).toBe(2);
  });
});

describe('log yield', () => {
  const Counted = z.object({ attempted: z.number(), firstPassYield: z.number().nullable() }).loose();

  it('prints the figures with their formulas', async () => {
    const { code, lines } = await run(['yield', '--from', '2026-03-29', '--to', '2026-03-30', '--product', 'even']);
    expect(code).toBe(0);
    const text = lines.join('\n');
    expect(text).toContain('Units attempted     601');
    expect(text).toContain('First pass yield    79.87 %   = passed at the first attempt / attempted = 480 / 601');
    expect(text).toMatch(/95 % interval {5}76\.48 % to 82\.88 %/);
    expect(text).toContain('Final yield         79.87 %   = passed at all / attempted = 480 / 601');
    expect(text).toContain('     480  PASS');
    expect(text).toContain('     121  FAIL        verify-mismatch');
  });

  it('is null, not a number, where nothing was tried', async () => {
    const { lines } = await run(['yield', '--from', '2027-03-29', '--to', '2027-03-30', '--json']);
    expect(Counted.parse(JSON.parse(lines[0] ?? ''))).toMatchObject({ attempted: 0, firstPassYield: null });
    const bench = await run(['yield', '--from', '2026-03-29', '--to', '2026-03-30', '--bench', '--json']);
    expect(Counted.parse(JSON.parse(bench.lines[0] ?? ''))).toMatchObject({ attempted: 0 });
  });
});

describe('log verify', () => {
  it('follows the whole chain, and stops when asked', async () => {
    const { code, lines } = await run(['verify', '--json']);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'log.verified', records: RECORDS, fault: null });
    expect(code).toBe(0);
    expect((await run(['verify'], { signal: AbortSignal.abort(new FlashlineError('aborted')) })).code).toBe(4);
  });
});

describe('log verify of a log that lost records', () => {
  it('ends with 3 and says so, also when every record that is left is right', async () => {
    const file = join(home, 'station.db');
    const sql = new Sqlite(file);
    sql.exec(`INSERT INTO gaps VALUES (${RECORDS + 1}, ${RECORDS + 2}, '${'a'.repeat(64)}')`);
    sql.close();
    const { code, lines } = await run(['verify']);
    expect(code).toBe(3);
    expect(lines.join('\n')).toMatch(/NOT WHOLE.*\n.*\nRecords that a damaged file lost: 1202 to 1203/);
    const told = await run(['verify', '--json']);
    expect(told.code).toBe(3);
    expect(JSON.parse(told.lines[0] ?? '')).toMatchObject({ fault: null, gaps: [{ first: RECORDS + 1 }] });
  });

  it('ends with 3 for texts that fit nowhere', async () => {
    const sql = new Sqlite(join(home, 'station.db'));
    sql.exec(`DROP TRIGGER gaps_kept; DELETE FROM gaps;
      INSERT INTO strays (file, body, reason, found_at) VALUES ('d.db', '{}', 'not JSON', '2026-03-29T00:00:00Z')`);
    sql.close();
    const { code, lines } = await run(['verify']);
    expect(code).toBe(3);
    expect(lines.join('\n')).toMatch(/NOT WHOLE[^]*1 texts of records/);
  });
});

describe('a span', () => {
  const hours = (from: string, to: string) => {
    const span = spanOf({ from, to });
    return (Date.parse(span.to ?? '') - Date.parse(span.from ?? '')) / 3_600_000;
  };

  it('is as long as its instants say: when clocks change, on a leap day, over the new year', () => {
    expect(hours('2026-03-28T22:00:00+01:00', '2026-03-29T06:00:00+02:00')).toBe(7);
    expect(hours('2026-10-24T22:00+02:00', '2026-10-25T06:00+01:00')).toBe(9);
    expect(hours('2028-02-29', '2028-03-01')).toBe(24);
    expect(hours('2028-02-28T22:00:00-05:00', '2028-03-01T06:00:00-05:00')).toBe(32);
    expect(hours('2026-12-31T22:00Z', '2027-01-01T06:00Z')).toBe(8);
  });

  it('is in UTC, to the millisecond, as the log writes its times', () => {
    expect(spanOf({ from: '2028-02-29', to: '2028-02-29T06:00:00.5+05:30' })).toEqual({
      from: '2028-02-29T00:00:00.000Z',
      to: '2028-02-29T00:30:00.500Z',
    });
    expect(spanOf({})).toEqual({});
  });
});
