import { afterEach, beforeEach, expect, it } from 'vitest';
import { MAX_BATCH_RECORDS, type BatchItem } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openLogDatabase, type LogDatabase } from '#main/log/log-database.ts';
import { LogSafety } from '#main/log/log-safety.ts';
import { SqliteOutbox } from '#main/log/sqlite-outbox.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { placeOf } from '#main/sync/deliver.ts';
import type { PlantSession } from '#main/sync/plant-session.ts';
import { rejoinLog } from '#main/sync/rejoin.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { draft, opening, standingClock, temporaryFolder, Village } from '../log/fixtures.ts';

const LIMITS = { records: MAX_BATCH_RECORDS, bytes: 1e9 };
let folder: ReturnType<typeof temporaryFolder>;
let log: SqliteUnitLog;
let database: LogDatabase;
let others = 0;
beforeEach(() => {
  folder = temporaryFolder();
  ({ log, database } = openLog('station.db'));
});
afterEach(async () => {
  await log.close();
  folder.remove();
});

function openLog(name: string) {
  const opened = openLogDatabase({ file: `${folder.path}/${name}`, clock: standingClock(), warn: () => undefined });
  return {
    database: opened,
    log: new SqliteUnitLog(opened, { clock: standingClock(), processes: new Village(1) }),
  };
}

async function record(to: SqliteUnitLog, ...runs: readonly string[]): Promise<void> {
  for (const run of runs) {
    await to.begin(opening(run));
    await to.finish(draft(run));
  }
}

/** What the plant has: another log, which began with the same records. */
async function plantWith(common: readonly string[], more: readonly string[]) {
  others += 1;
  const other = openLog(`other-${others}.db`);
  await record(other.log, ...common, ...more);
  const items = await new SqliteOutbox(other.database).items(0, LIMITS);
  await other.log.close();
  return plantOf(items);
}

/** By the contract, as far as a log is set right with it. */
function plantOf(items: readonly BatchItem[]) {
  const told: unknown[] = [];
  const answers: Readonly<Record<string, (request: never) => unknown>> = {
    'station.head': () => placeOf(items.at(-1)),
    'station.own-records': ({ query }: { query: { after: number; limit: number } }) => {
      const page = items.slice(query.after, query.after + query.limit);
      const end = query.after + page.length;
      return { items: page, next: end < items.length ? end : null };
    },
    'station.records': ({ body }: { body: { items: readonly BatchItem[] } }) => {
      told.push(...body.items.map((item) => placeOf(item).sequence));
      throw new FlashlineError('chain-broken', { params: { sequence: 0, detail: 'forked' } });
    },
  };
  const call = async (name: string, request: unknown): Promise<unknown> => answers[name]?.(request as never);
  // No more of a session is asked for here.
  return { told, session: { call } as unknown as PlantSession };
}

const rejoin = async (session: PlantSession) =>
  rejoinLog({
    outbox: new SqliteOutbox(database),
    gaps: new LogSafety(database),
    signer: newSigner,
    session,
    signal: new AbortController().signal,
  });
const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

it('finds where two histories part, however long ago, and goes on as a chain of its own', async () => {
  const common = names('both', 3);
  await record(log, ...common, ...names('own', 205));
  const before = await log.records({ limit: 1000 });
  const { session, told } = await plantWith(common, names('lost', 205));
  const rejoined = await rejoin(session);
  const first = before.at(-4);
  expect(rejoined).toEqual({ common: 3, own: 205, elsewhere: 205, chain: first?.hash });
  // One record is enough for the plant to see the fork.
  expect(told).toEqual([4]);
  expect(await log.records({ limit: 1000 })).toEqual(before);
  const outbox = new SqliteOutbox(database);
  expect(await outbox.head()).toMatchObject({ chain: first?.hash, sequence: 208 });
  const [gap, next] = await outbox.items(0, { records: 2, bytes: 1e9 });
  expect(gap).toEqual({ gap: { first: 1, last: 3, previousHash: '0'.repeat(64), hash: before.at(-3)?.hash } });
  expect(placeOf(next)).toMatchObject({ sequence: 4, hash: first?.hash });
  await record(log, 'later');
  expect((await log.records({ limit: 1 }))[0]).toMatchObject({ sequence: 209, previousHash: before[0]?.hash });
  expect(await log.verify()).toEqual({ records: 209, fault: null });
});

it('changes nothing where both tell one story, whoever is further', async () => {
  const all = names('run', 12);
  await record(log, ...all.slice(0, 6));
  for (const more of [all.slice(6), []]) {
    const { session, told } = await plantWith(all.slice(0, more.length === 0 ? 4 : 6), more);
    expect([await rejoin(session), told]).toEqual([null, []]);
  }
  expect(await log.verify()).toEqual({ records: 6, fault: null });
});

it('refuses a log that has not two records in common with the plant', async () => {
  await record(log, 'same', 'own');
  const { session } = await plantWith(['same'], ['lost']);
  await expect(rejoin(session)).rejects.toMatchObject({ failure: { code: 'chain-broken' } });
  expect((await new SqliteOutbox(database).head())?.sequence).toBe(2);
});
