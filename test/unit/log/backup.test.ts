import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, integer, property, uniqueArray } from '#test/support/fast-check.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { toFailure } from '#shared/model/failure.ts';
import { realClock } from '#main/app/real-clock.ts';
import { backUp, outdated, pruneBackups } from '#main/log/backup.ts';
import { keepDailyBackups } from '#main/log/daily-backup.ts';
import { openSafely } from '#main/log/open-safely.ts';
import { draft, openAt, opening, standingClock, temporaryFolder } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let to: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
  to = join(folder.path, 'backups', 'station-2026-03-01.db');
});
afterEach(() => folder.remove());

async function fill(log: ReturnType<typeof openAt>, from: number, to: number, size = 10) {
  for (let i = from; i <= to; i++) {
    await log.begin(opening(`r${i}`));
    await log.finish(draft(`r${i}`, { locks: { PAD: 'x'.repeat(size) } }));
  }
}

/** Changes a letter in all that the log's file says of a run. */
function spoil(run: string) {
  const bytes = readFileSync(file);
  const text = `"run":"${run}"`;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) bytes[at + 3] = 0x5a;
  writeFileSync(file, bytes);
}

const run = (
  signal = new AbortController().signal,
  progress: (done: number, total: number) => void = () => undefined,
) => backUp({ file, to, signal, progress });

it('is of one moment, while the log is written, and is a log by itself', async () => {
  const log = openAt(file);
  await fill(log, 1, 100, 20_000);
  let late = 101;
  const steps: number[] = [];
  await run(undefined, (done) => {
    steps.push(done);
    // In the middle of it.
    void log.begin(opening(`r${late}`));
    void log.finish(draft(`r${late}`));
    late += 1;
  });
  expect(steps.length).toBeGreaterThan(1);
  await log.close();
  expect(readdirSync(join(folder.path, 'backups'))).toEqual(['station-2026-03-01.db']);
  const copy = openAt(to);
  expect(await copy.verify()).toEqual({ records: 100, fault: null });
  await copy.close();
});

it('leaves nothing behind when it is cancelled, and does not touch the one before', async () => {
  const log = openAt(file);
  await fill(log, 1, 100, 20_000);
  await run();
  const before = readFileSync(to);
  await fill(log, 101, 102);
  const cancel = new AbortController();
  await expect(run(cancel.signal, () => cancel.abort(new Error('enough')))).rejects.toThrow('enough');
  expect(readdirSync(join(folder.path, 'backups'))).toEqual(['station-2026-03-01.db']);
  expect(readFileSync(to).equals(before)).toBe(true);
  await log.close();
});

it('does not count when what was copied is damaged', async () => {
  const log = openAt(file);
  await fill(log, 1, 30);
  await log.close();
  spoil('r9');
  expect(await run().then(() => expect.fail('it counted'), toFailure)).toMatchObject({ code: 'log-damaged' });
  expect(existsSync(to)).toBe(false);
});

it('fills what the damaged log has lost', async () => {
  const log = openAt(file);
  await fill(log, 1, 30);
  await run();
  await fill(log, 31, 32);
  await log.close();
  spoil('r9');
  const warnings: string[] = [];
  openSafely({
    file,
    backups: join(folder.path, 'backups'),
    clock: standingClock(),
    warn: ({ params }) => warnings.push(params['detail'] ?? ''),
  }).close();
  expect(warnings).toMatchObject([expect.stringContaining('32 records were brought over, none is missing')]);
  const mended = openAt(file);
  expect(await mended.verify()).toEqual({ records: 32, fault: null });
  await mended.close();
});

it('keeps the last seven days and the last of each of four weeks', () => {
  const dayOf = (index: number) => new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10);
  const all = Array.from({ length: 60 }, (_, index) => dayOf(index));
  const gone = new Set(outdated(all));
  // 2026-03-01 is a Sunday.
  expect(all.filter((day) => !gone.has(day))).toEqual([
    '2026-02-08',
    '2026-02-15',
    ...Array.from({ length: 8 }, (_, index) => dayOf(52 + index)),
  ]);
  assert(
    property(uniqueArray(integer({ min: 0, max: 400 })), (indexes) => {
      const days = indexes.map(dayOf);
      const kept = days.filter((day) => !outdated(days).includes(day)).sort();
      expect(kept.length).toBeLessThanOrEqual(11);
      expect(kept.slice(-7)).toEqual(days.toSorted().slice(-7));
      expect(outdated(kept)).toEqual([]);
    }),
  );
  mkdirSync(join(folder.path, 'backups'));
  for (const day of all) writeFileSync(join(folder.path, 'backups', `station-${day}.db`), '');
  writeFileSync(join(folder.path, 'backups', 'notes.txt'), '');
  pruneBackups(join(folder.path, 'backups'));
  expect(readdirSync(join(folder.path, 'backups'))).toEqual([
    'notes.txt',
    ...all.filter((day) => !gone.has(day)).map((day) => `station-${day}.db`),
  ]);
});

it('is made once a day, again later when it failed, and ends with the station', async () => {
  let now = Date.parse('2026-03-01T23:00:00Z');
  const made: string[] = [];
  const warnings: string[] = [];
  const ending = new AbortController();
  const backups = join(folder.path, 'backups');
  mkdirSync(backups);
  const clock = {
    ...realClock,
    now: () => now,
    sleep: async (ms: number) => {
      ending.signal.throwIfAborted();
      now += ms;
    },
  };
  await keepDailyBackups(
    {
      folder: backups,
      clock,
      warn: ({ code }) => warnings.push(code),
      make: async (day) => {
        made.push(day);
        if (made.length === 2) throw new Error('full');
        writeFileSync(join(backups, `station-${day}.db`), '');
        if (made.length === 4) ending.abort();
      },
    },
    ending.signal,
  );
  expect(made).toEqual(['2026-03-01', '2026-03-02', '2026-03-02', '2026-03-03']);
  expect(warnings).toEqual(['internal']);
});
