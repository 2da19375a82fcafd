import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BatchItem } from '#shared/contract/plant/station-api.ts';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { LogPresence } from '#main/log/log-presence.ts';
import { LogSafety } from '#main/log/log-safety.ts';
import { openSafely } from '#main/log/open-safely.ts';
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

const backups = () => join(folder.path, 'backups');

function open() {
  const warnings: Failure[] = [];
  const warn = (failure: Failure) => warnings.push(failure);
  const presence = openSafely({ file, backups: backups(), clock: standingClock(), warn });
  const database = openLogDatabase({ file, clock: standingClock(), warn });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  const close = async () => {
    await log.close();
    presence.close();
  };
  return { log, database, outbox: new SqliteOutbox(database), safety: new LogSafety(database), warnings, close };
}

const BENCH = 'bench:nrf52840';

/** Every fourth unit is the bench's. */
async function fill(log: SqliteUnitLog, from: number, to: number) {
  for (let i = from; i <= to; i++) {
    const probe = i % 4 === 0 ? { probe: BENCH } : {};
    await log.begin({ ...opening(`r${i}`), ...probe });
    await log.finish(draft(`r${i}`, probe));
  }
}

/** What the plant has: the whole chain as it was sent. */
async function chainOf(last: number): Promise<readonly BatchItem[]> {
  const { log, outbox, close } = open();
  await fill(log, 1, last);
  const items = await outbox.items(0, { records: 1000, bytes: 1e9 });
  await outbox.acknowledge(last);
  await close();
  return items;
}

function hashOf(item: BatchItem | undefined): unknown {
  return item && 'record' in item ? item.record['hash'] : item && 'link' in item ? item.link.hash : undefined;
}

/** Makes everything about these records unreadable. */
function destroy(runs: readonly string[]) {
  const bytes = readFileSync(file);
  for (const run of runs)
    for (let at = bytes.indexOf(`"run":"${run}"`); at >= 0; at = bytes.indexOf(`"run":"${run}"`, at + 1))
      bytes[at + 3] = 0x5a;
  writeFileSync(file, bytes);
}

it('tells of a hole, works on over it, and takes its records back from the plant’s copy, links and all', async () => {
  const items = await chainOf(20);
  destroy(['r7', 'r8', 'r9', 'r15']);
  const { log, outbox, safety, warnings, close } = open();
  expect(warnings.map(({ code }) => code)).toEqual(['log-set-aside']);
  expect(warnings[0]?.params['detail']).toMatch(/16 records .* 4 are missing \(7 to 9, 15\)/);
  expect(existsSync(join(folder.path, 'station-damaged-2026-03-01.db'))).toBe(true);
  const before = await safety.state();
  expect(before.gaps).toMatchObject([
    { first: 7, last: 9 },
    { first: 15, last: 15 },
  ]);
  expect(before.strays).toBeGreaterThan(0);
  await fill(log, 21, 22);
  expect(await log.verify()).toEqual({ records: 18, fault: null });
  const sent = await outbox.items(0, { records: 1000, bytes: 1e9 });
  expect(sent.slice(0, 6)).toEqual(items.slice(0, 6));
  expect(sent.slice(7, 12)).toEqual(items.slice(9, 14));
  expect(sent.flatMap((item) => ('gap' in item ? [item.gap] : []))).toMatchObject([
    { first: 7, last: 9, previousHash: hashOf(items[5]), hash: hashOf(items[8]) },
    { first: 15, last: 15, previousHash: hashOf(items[13]), hash: hashOf(items[14]) },
  ]);
  expect(await safety.repairFrom(items.slice(0, 10))).toEqual({ restored: 2, refused: null });
  expect(await safety.repairFrom(items.slice(10))).toEqual({ restored: 1, refused: null });
  // The eighth was simulated: the plant has no more of it than its hash.
  expect((await safety.state()).gaps).toMatchObject([{ first: 8, last: 8 }]);
  expect(await safety.repairFrom(items)).toEqual({ restored: 0, refused: null });
  expect(await log.verify()).toEqual({ records: 21, fault: null });
  expect((await outbox.pending()).records).toBe(2);
  await close();
});

it('takes back what the plant has around what the plant lost too', async () => {
  const items = await chainOf(20);
  destroy(['r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11']);
  const { log, safety, close } = open();
  const gap = { first: 7, last: 9, previousHash: String(hashOf(items[5])), hash: String(hashOf(items[8])) };
  const forged = { gap: { ...gap, previousHash: 'f'.repeat(64) } };
  expect(await safety.repairFrom([...items.slice(4, 6), forged])).toMatchObject({
    restored: 2,
    refused: expect.stringContaining('does not follow'),
  });
  expect(await safety.repairFrom([...items.slice(4, 6), { gap }, ...items.slice(9, 11)])).toEqual({
    restored: 2,
    refused: null,
  });
  expect((await safety.state()).gaps).toEqual([{ first: 7, last: 9, hash: gap.hash }]);
  expect(await safety.repairFrom([{ gap }])).toEqual({ restored: 0, refused: null });
  expect(await log.verify()).toEqual({ records: 17, fault: null });
  await close();
});

it('takes back the end of its chain, and nothing that was altered or does not follow', async () => {
  const items = await chainOf(3);
  rmSync(file);
  const second = open();
  const [one, two, three] = items;
  if (!one || !two || !three || !('record' in two)) throw new Error('three records');
  expect(await second.safety.repairFrom([two])).toMatchObject({
    restored: 0,
    refused: 'record 2 follows nothing here',
  });
  const altered = { record: { ...two.record, serial: 'FORGED' } };
  expect(await second.safety.repairFrom([one, altered])).toMatchObject({
    restored: 1,
    refused: 'record 2 was changed',
  });
  expect(await second.safety.repairFrom([two, three])).toEqual({ restored: 2, refused: null });
  expect(await second.log.verify()).toEqual({ records: 3, fault: null });
  expect(second.warnings).toEqual([]);
  await second.close();
});

it('is not set aside while another process works with it', async () => {
  await chainOf(5);
  const other = new LogPresence(file);
  destroy(['r3']);
  const failure = await Promise.resolve()
    .then(open)
    .then(() => expect.fail('it opened'), toFailure);
  expect(failure).toMatchObject({
    code: 'log-damaged',
    params: { detail: expect.stringContaining('another Flashline') },
  });
  other.close();
  const { warnings, close } = open();
  expect(warnings).toMatchObject([{ code: 'log-set-aside' }]);
  await close();
}, 120_000);

it('goes on where a crash left it in the middle of being set aside', async () => {
  await chainOf(5);
  destroy(['r3']);
  const damaged = readFileSync(file);
  await open().close();
  copyFileSync(file, `${file}-salvaged`);
  writeFileSync(file, damaged);
  const { log, warnings, close } = open();
  expect(warnings).toMatchObject([{ code: 'log-set-aside' }]);
  expect(existsSync(`${file}-salvaged`)).toBe(false);
  expect(readFileSync(join(folder.path, 'station-damaged-2026-03-01-2.db')).equals(damaged)).toBe(true);
  expect(await log.verify()).toEqual({ records: 4, fault: null });
  await close();
});
