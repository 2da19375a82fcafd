import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import type { JournalEntry } from '#main/log/log.ts';
import { migrate } from '#main/log/migrate.ts';
import { processesOfThisMachine } from '#main/log/process-owner.ts';
import { A_DAY, draft, openAt, opening, temporaryFolder, Village } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'deep', 'station.db');
});
afterEach(() => folder.remove());

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    return thrown instanceof FlashlineError ? thrown.failure.code : `not ours: ${String(thrown)}`;
  }
  return 'nothing thrown';
}

/** Straight into the file, past our code, as somebody with a SQLite browser would. */
function tamper(sql: string): void {
  const database = new Sqlite(file);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

async function logWith(count: number) {
  const log = openAt(file);
  for (let i = 1; i <= count; i++) {
    await log.begin(opening(`r${i}`));
    await log.finish(draft(`r${i}`));
  }
  return log;
}

describe('the unit log', () => {
  it('chains records from the genesis hash and gives back what was written', async () => {
    const log = await logWith(3);
    const [third, second, first] = await log.records({});
    expect(first).toMatchObject({ ...draft('r1'), sequence: 1, previousHash: GENESIS_HASH });
    expect(second?.previousHash).toBe(first?.hash);
    expect(third?.previousHash).toBe(second?.hash);
    expect(await log.verify()).toEqual({ records: 3, fault: null });
    await log.close();
  });

  it('is durable by setting: WAL, synchronous FULL, foreign keys', async () => {
    const log = await logWith(1);
    await log.close();
    const database = new Sqlite(file);
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    database.close();
    const pragma = vi.spyOn(Sqlite.prototype, 'pragma');
    await openAt(file).close();
    const opened = pragma.mock.calls.map(([source]) => source);
    pragma.mockRestore();
    expect(opened).toEqual(expect.arrayContaining(['synchronous = FULL', 'foreign_keys = ON']));
  });

  it('waits for the disk with all that a unit’s state rests on, not with whose it is', async () => {
    const log = openAt(file);
    await log.begin(draft('r1'));
    const pragma = vi.spyOn(Sqlite.prototype, 'pragma');
    const waits = async (...entries: JournalEntry[]) => {
      pragma.mockClear();
      await log.journal('r1', entries);
      return !pragma.mock.calls.some(([source]) => source === 'synchronous = NORMAL');
    };
    const step = { kind: 'step', step: 'connect', ms: 1 } as const;
    const who = { kind: 'identified', uid: 'u', locks: {} } as const;
    const change = { kind: 'change', operation: '{}', at: '2027-01-01T00:00:00.000Z' } as const;
    expect(await waits(step, who)).toBe(false);
    expect(await waits(step, change)).toBe(true);
    expect(await waits(who, change)).toBe(true);
    expect(await waits({ kind: 'kept', kept: [] })).toBe(true);
    expect(await waits({ kind: 'signed', images: [], signatures: [] })).toBe(true);
    pragma.mockRestore();
    await log.close();
  });

  it('puts an outbox row beside every real unit’s record', async () => {
    await (await logWith(2)).close();
    const database = new Sqlite(file);
    expect(database.prepare('SELECT sequence FROM outbox').pluck().all()).toEqual([1, 2]);
    database.close();
  });

  it.each([
    ['UPDATE records SET serial = 1', 'never changed'],
    ['DELETE FROM records', 'never deleted'],
    ["UPDATE journal SET entry = '{}'", 'never changed'],
    ['DELETE FROM journal', 'never deleted'],
    ['DELETE FROM runs', 'never deleted'],
    ['UPDATE runs SET record = NULL', 'closed once'],
  ])('refuses %s by anybody', async (sql, reason) => {
    const log = await logWith(1);
    await log.begin(opening('open'));
    await log.journal('open', [{ kind: 'step', step: 'connect', ms: 1 }]);
    await log.close();
    expect(() => tamper(sql)).toThrow(reason);
  });

  it.each([
    ["UPDATE records SET body = replace(body, 'HB000001', 'HB999999') WHERE sequence = 2", /record 2 was changed/],
    ["UPDATE records SET verdict = 'FAIL' WHERE sequence = 2", /record 2: column verdict/],
    ['PRAGMA foreign_keys = OFF; DELETE FROM records WHERE sequence = 2', /record 2 is missing/],
    ['PRAGMA foreign_keys = OFF; DELETE FROM records WHERE sequence = 3', /run r3 is missing/],
    ["UPDATE records SET body = 'x' WHERE sequence = 1", /record 1: not JSON/],
  ])('finds %s past the triggers', async (sql, fault) => {
    await (await logWith(3)).close();
    tamper(`DROP TRIGGER records_unchanged; DROP TRIGGER records_kept; ${sql}`);
    const log = openAt(file);
    expect((await log.verify()).fault).toMatch(fault);
    await log.close();
  });

  it('finds the newest pass by serial of the product or by hardware id, and no other verdict', async () => {
    const log = openAt(file);
    const put = async (run: string, changes: Parameters<typeof draft>[1]) => {
      await log.begin(opening(run));
      await log.finish(draft(run, changes));
    };
    const other = { id: 'other', revision: 'A', name: 'Other' };
    await put('failed', { serial: 'F', uid: 'f0', verdict: 'FAIL' });
    await put('old', { serial: 'S', uid: 'aa' });
    await put('new', { serial: 'S', uid: 'bb' });
    await put('other', { serial: 'S', uid: 'cc', product: other });
    const pass = async (serial: string, uid: string | null) =>
      (await log.lastPass({ product: 'hello', serial, uid, simulated: false }))?.run;
    expect(await pass('S', null)).toBe('new');
    expect(await pass('X', 'aa')).toBe('old');
    expect(await pass('S', 'cc')).toBe('other');
    expect(await pass('F', 'f0')).toBeUndefined();
    expect(await pass('X', null)).toBeUndefined();
    await put('final', { serial: 'S', uid: 'bb', process: 'final-test' });
    expect(await pass('S', 'bb')).toBe('new');
    const step = { product: 'hello', serial: 'S', uid: 'bb', simulated: false };
    expect((await log.lastPass({ ...step, process: 'final-test' }))?.run).toBe('final');
    expect(await log.lastPass({ ...step, process: 'packing' })).toBeUndefined();
    await log.close();
  });

  it('keeps the bench apart: its units are no passes of real ones, and never for the plant', async () => {
    const log = openAt(file);
    for (const [run, probe] of [
      ['real', 'gdb:tcp:127.0.0.1:3333'],
      ['simulated', 'bench:nrf52840?fault=no-target'],
    ] as const) {
      await log.begin({ ...opening(run), probe });
      await log.finish(draft(run, { serial: 'S', uid: 'aa', probe }));
    }
    const unit = { product: 'hello', serial: 'S', uid: 'aa' };
    expect((await log.lastPass({ ...unit, simulated: false }))?.run).toBe('real');
    expect((await log.lastPass({ ...unit, simulated: true }))?.run).toBe('simulated');
    expect(await log.verify()).toMatchObject({ records: 2, fault: null });
    await log.close();
    const database = new Sqlite(file);
    expect(database.prepare('SELECT sequence FROM outbox').pluck().all()).toEqual([1]);
    database.close();
  });

  it('selects by serial, id, time and number', async () => {
    const log = openAt(file);
    for (const [run, serial, uid, finishedAt] of [
      ['a', 'S1', 'u1', '2026-01-01T00:00:00.000Z'],
      ['b', 'S2', 'u1', '2026-01-02T00:00:00.000Z'],
      ['c', 'S1', 'u2', '2026-01-03T00:00:00.000Z'],
    ] as const) {
      await log.begin(opening(run));
      await log.finish(draft(run, { serial, uid, finishedAt }));
    }
    const runs = async (query: Parameters<typeof log.records>[0]) => (await log.records(query)).map(({ run }) => run);
    expect(await runs({ serial: 'S1' })).toEqual(['c', 'a']);
    expect(await runs({ uid: 'u1' })).toEqual(['b', 'a']);
    expect(await runs({ serial: 'S1', limit: 1 })).toEqual(['c']);
    expect(await runs({ from: '2026-01-02T00:00:00.000Z', to: '2026-01-03T00:00:00.000Z' })).toEqual(['b']);
    await log.close();
  });

  it('closes only open runs, once', async () => {
    const log = await logWith(1);
    await expect(log.finish(draft('r1'))).rejects.toThrow('internal');
    await expect(log.finish(draft('never'))).rejects.toThrow('internal');
    await expect(log.journal('r1', [{ kind: 'step', step: 'connect', ms: 1 }])).rejects.toThrow('internal');
    expect((await log.verify()).records).toBe(1);
    await log.close();
  });
});

describe('runs of dead processes', () => {
  it('become INTERRUPTED with what the journal knew, once, and stay listed until acknowledged', async () => {
    const village = new Village(7);
    const log = openAt(file, village);
    await log.begin(opening('lost'));
    await log.journal('lost', [{ kind: 'identified', uid: 'ab', locks: { APPROTECT: '0xFFFFFFFF' } }]);
    await log.journal('lost', [{ kind: 'step', step: 'identify', ms: 2 }]);
    const given = {
      command: 'licence',
      plant: 'Plant 1',
      request: 'r',
      use: 'u',
      size: 2,
      madeAt: A_DAY,
      again: false,
    };
    const unitData = { ...given, sha256: 'd'.repeat(64) };
    await log.journal('lost', [{ kind: 'signed', images: [], signatures: [], unitData }]);
    await log.journal('lost', [{ kind: 'change', operation: '{"op":"erase"}', at: A_DAY }]);
    await log.close();

    village.dead.add(7);
    village.pid = 8;
    const next = openAt(file, village);
    const [record] = await next.interruptedAtOpening();
    expect(record).toMatchObject({
      run: 'lost',
      verdict: 'INTERRUPTED',
      uid: 'ab',
      locks: { APPROTECT: '0xFFFFFFFF' },
      steps: [{ step: 'identify', ms: 2 }],
      unitData,
      failure: { code: 'interrupted', where: { slot: '1', step: 'identify' } },
    });
    expect(record?.failure?.cause).toContain('{"op":"erase"}');
    expect(await next.verify()).toEqual({ records: 1, fault: null });
    await next.close();

    const third = openAt(file, village);
    expect(await third.interruptedAtOpening()).toEqual([]);
    expect((await third.unacknowledged()).map(({ run }) => run)).toEqual(['lost']);
    await third.acknowledgeInterrupted([1]);
    await third.acknowledgeInterrupted([1]);
    expect(await third.unacknowledged()).toEqual([]);
    await third.close();
  });

  it('leaves the run of a living process alone, and lets it finish', async () => {
    const serve = openAt(file, new Village(1));
    await serve.begin(opening('alive'));
    const cli = openAt(file, new Village(2));
    expect(await cli.interruptedAtOpening()).toEqual([]);
    await serve.finish(draft('alive'));
    expect((await cli.records({})).map(({ verdict }) => verdict)).toEqual(['PASS']);
    await serve.close();
    await cli.close();
  });

  it('knows this process as alive, and another start of the same pid as dead', () => {
    const processes = processesOfThisMachine();
    const self = processes.self();
    expect(processes.isAlive(self)).toBe(true);
    expect(processes.isAlive({ ...self, pid: 0x3fffff })).toBe(false);
    // Only Linux tells a process's start; elsewhere the field is empty.
    expect(processes.isAlive({ ...self, started: `${self.started}1` })).toBe(process.platform !== 'linux');
    expect(processes.isAlive({ ...self, boot: '0' })).toBe(false);
  });
});

describe.runIf(process.platform === 'linux')('a process that was killed but not reaped yet', () => {
  it('is dead', async () => {
    // The shell becomes a sleep that never asks after the shell's child: that stays a zombie.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 20'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const pid = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (chunk) => resolve(Number(String(chunk))));
    });
    const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
    await expect.poll(() => stat()[2]).toBe('Z');
    const processes = processesOfThisMachine();
    const owner = { ...processes.self(), pid, started: stat()[21] ?? '' };
    expect(processes.isAlive(owner)).toBe(false);
    parent.kill('SIGKILL');
  });
});

describe('a file that cannot be the log', () => {
  it('is damaged when it is no database', () => {
    file = join(folder.path, 'x.db');
    writeFileSync(file, 'this is not a database, but long enough to be looked at as one'.repeat(30));
    expect(codeOf(() => openAt(file))).toBe('log-damaged');
  });

  it('is damaged when a newer Flashline made it', async () => {
    await (await logWith(1)).close();
    tamper('PRAGMA user_version = 99');
    expect(codeOf(() => openAt(file))).toBe('log-damaged');
  });

  it('is unwritable where no file can be', () => {
    writeFileSync(join(folder.path, 'plain'), '');
    expect(codeOf(() => openAt(join(folder.path, 'plain', 'x.db')))).toBe('log-unwritable');
    expect(codeOf(() => openAt(folder.path))).toBe('log-unwritable');
  });

  it('says plainly that its disk is full', async () => {
    const log = openAt(file);
    const full = vi.spyOn(Sqlite.prototype, 'prepare').mockImplementation(() => {
      throw new Sqlite.SqliteError('database or disk is full', 'SQLITE_FULL');
    });
    await expect(log.begin(opening('r'))).rejects.toThrow('log-full');
    full.mockRestore();
    await log.close();
  });

  it('keeps the earlier shape when a migration fails', () => {
    file = join(folder.path, 'm.db');
    const database = new Sqlite(file);
    expect(() => migrate(database, [{ version: 1, sql: 'CREATE TABLE a (x) ; CREATE TABLE a (x)' }])).toThrow(
      'already exists',
    );
    expect(database.pragma('user_version', { simple: true })).toBe(0);
    expect(database.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'a'").pluck().get()).toBe(0);
    database.close();
  });
});
