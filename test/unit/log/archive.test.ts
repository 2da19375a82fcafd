import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chainFault } from '#shared/model/record-chain.ts';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import { damageOf } from '#main/log/damage.ts';
import { spaceGuard } from '#main/log/disk-space.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { LogSafety } from '#main/log/log-safety.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
});
afterEach(() => folder.remove());

function open(requireSpace = () => undefined as void) {
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1), requireSpace });
  return { database, log, outbox: new SqliteOutbox(database), safety: new LogSafety(database) };
}

const dayOf = (i: number) => new Date(Date.UTC(2026, 0, i)).toISOString();

/** One record a day. */
async function fill(log: SqliteUnitLog, from: number, to: number) {
  for (let i = from; i <= to; i++) {
    await log.begin(opening(`r${i}`));
    await log.journal(`r${i}`, [{ kind: 'change', operation: 'erase', at: dayOf(i) }]);
    const verdict = i % 5 === 0 ? ('FAIL' as const) : ('PASS' as const);
    await log.finish(draft(`r${i}`, { serial: `S${i}`, uid: `u${i}`, finishedAt: dayOf(i), verdict }));
  }
}

const archive = (safety: LogSafety, before = dayOf(11)) =>
  safety.archive({ folder: join(folder.path, 'archives'), before, at: dayOf(40) });

const linesOf = (path: string) =>
  zstdDecompressSync(readFileSync(path))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('old records', () => {
  it('go to a file that proves itself; the chain, the yield and “already passed” go on', async () => {
    const { log, outbox, safety, database } = open();
    await fill(log, 1, 20);
    await outbox.acknowledge(20);
    const head = await outbox.head();
    const yieldBefore = await log.shiftYield({ from: dayOf(1), to: dayOf(30), simulated: false });
    const { records, files } = await archive(safety);
    expect(records).toBe(10);
    const [written = ''] = files;
    const [first, ...rest] = linesOf(written);
    const { archives } = await safety.state();
    const sha256 = createHash('sha256').update(readFileSync(written)).digest('hex');
    expect(archives).toMatchObject([{ first: 1, sequence: 10, sha256 }]);
    expect(first).toMatchObject({ chain: head?.chain, first: 1, last: 10, hash: archives[0]?.hash });
    let previous: { sequence: number; hash: string } | null = null;
    for (const line of rest as { record: { sequence: number; hash: string }; journal: unknown[] }[]) {
      expect(chainFault(JSON.stringify(line.record), previous)).toBeNull();
      expect(line.journal).toHaveLength(1);
      previous = line.record;
    }
    expect(previous?.hash).toBe(archives[0]?.hash);

    expect(await log.verify()).toEqual({ records: 10, fault: null });
    expect(await outbox.head()).toEqual(head);
    const pass = (serial: string, uid: string | null = null) =>
      log.lastPass({ product: 'hello', serial, uid, simulated: false });
    expect(await pass('S3')).toEqual({ run: 'r3', serial: 'S3', uid: 'u3', finishedAt: dayOf(3) });
    expect(await pass('other', 'u4')).toMatchObject({ run: 'r4' });
    expect(await pass('S5')).toBeUndefined();
    expect(await pass('S17')).toMatchObject({ run: 'r17' });
    const { runs: _, ...units } = await log.shiftYield({ from: dayOf(1), to: dayOf(30), simulated: false });
    const { runs: __, ...unitsBefore } = yieldBefore;
    expect(units).toEqual(unitsBefore);
    await fill(log, 21, 22);
    expect(await log.verify()).toEqual({ records: 12, fault: null });
    expect(await archive(safety, dayOf(16))).toMatchObject({ records: 5 });
    expect(await log.verify()).toEqual({ records: 7, fault: null });
    expect(database.sqlite.pragma('foreign_key_check')).toEqual([]);
    await log.close();
    expect(damageOf({ file, monotonic: () => 0, thorough: true })).toBeNull();
  });

  it('stay while the plant or an operator waits for one of them, and the newest always stays', async () => {
    const { log, outbox, safety } = open();
    await fill(log, 1, 6);
    expect(await archive(safety)).toEqual({ records: 0, files: [] });
    await outbox.acknowledge(3);
    expect(await archive(safety)).toMatchObject({ records: 3 });
    await log.begin(opening('lost'));
    await log.finish(draft('lost', { verdict: 'INTERRUPTED', finishedAt: dayOf(7) }));
    await fill(log, 8, 9);
    await outbox.acknowledge(9);
    expect(await archive(safety)).toMatchObject({ records: 3 });
    await log.acknowledgeInterrupted([7]);
    expect(await archive(safety)).toMatchObject({ records: 2 });
    expect(await log.verify()).toEqual({ records: 1, fault: null });
    await log.close();
  });

  it('are guarded as ever: no anchor where somebody waits, no deletion behind one, no other anchor', async () => {
    const { log, outbox, safety, database } = open();
    await fill(log, 1, 6);
    const anchor = (sequence: number) =>
      database.sqlite.exec(
        `INSERT INTO anchors SELECT sequence, hash, hash, 1, 'x', 'x', 'x' FROM records WHERE sequence = ${sequence}`,
      );
    expect(() => anchor(3)).toThrow('somebody waits for');
    await outbox.acknowledge(6);
    expect(() => anchor(6)).toThrow('somebody waits for');
    await archive(safety, dayOf(4));
    for (const sql of ['DELETE FROM records', 'DELETE FROM journal', 'DELETE FROM runs'])
      expect(() => database.sqlite.exec(sql)).toThrow('never deleted');
    for (const sql of ['DELETE FROM anchors', "UPDATE anchors SET hash = ''"])
      expect(() => database.sqlite.exec(sql)).toThrow('an anchor is never');
    await log.close();
  });

  it('stay in the log when their file cannot be written', async () => {
    const { log, outbox, safety } = open();
    await fill(log, 1, 6);
    await outbox.acknowledge(6);
    writeFileSync(join(folder.path, 'archives'), 'no folder');
    expect(await archive(safety).then(() => expect.fail('it went on'), toFailure)).toMatchObject({
      code: 'log-unwritable',
    });
    expect(await log.verify()).toEqual({ records: 6, fault: null });
    expect(readdirSync(folder.path)).not.toContain('archives.part');
    await log.close();
  });
});

describe('a disk that fills up', () => {
  it('is told of in time, and no run begins that could not be recorded', async () => {
    let free = 1e9;
    const warnings: Failure[] = [];
    const { log } = open(spaceGuard({ file, free: () => free, warn: (failure) => warnings.push(failure) }));
    await fill(log, 1, 1);
    expect(warnings).toEqual([]);
    free = 100 * 1024 * 1024;
    await fill(log, 2, 3);
    expect(warnings).toMatchObject([{ code: 'log-nearly-full', params: { free: '100 MB' } }]);
    await log.begin(opening('begun'));
    free = 40 * 1024 * 1024;
    expect(await log.begin(opening('late')).then(() => expect.fail('it began'), toFailure)).toMatchObject({
      code: 'log-full',
    });
    await log.finish(draft('begun', { finishedAt: dayOf(4) }));
    free = 1e9;
    await fill(log, 5, 5);
    free = 100 * 1024 * 1024;
    await fill(log, 6, 6);
    expect(warnings).toHaveLength(2);
    await log.close();
  });

  it('loses nothing when it is full in the middle, and goes on without a restart when there is room', async () => {
    const { log, database } = open();
    await fill(log, 1, 3);
    await log.begin(opening('tight'));
    const pages = Number(database.sqlite.pragma('page_count', { simple: true }));
    database.sqlite.pragma(`max_page_count = ${pages}`);
    const large = draft('tight', { locks: { PAD: 'x'.repeat(50_000) } });
    expect(await log.finish(large).then(() => expect.fail('it fitted'), toFailure)).toMatchObject({ code: 'log-full' });
    expect(await log.verify()).toEqual({ records: 3, fault: null });
    database.sqlite.pragma('max_page_count = 1000000');
    expect(await log.finish(large)).toMatchObject({ sequence: 4 });
    expect(await log.verify()).toEqual({ records: 4, fault: null });
    await log.close();
  });
});
