import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { canonicalJson, recordHash } from '#shared/model/record-chain.ts';
import { GENESIS_HASH } from '#shared/model/unit-record.ts';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import { SqliteChainHeads } from '#main/log/chain-heads.ts';
import { HeadSigner, signAfterFinish } from '#main/log/head-signer.ts';
import { openKeyStore } from '#main/log/key-store.ts';
import { openLogDatabase } from '#main/log/log-database.ts';
import { SqliteUnitLog } from '#main/log/sqlite-unit-log.ts';
import { A_DAY, draft, opening, standingClock, temporaryFolder, Village } from './fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder.path, 'station.db');
});
afterEach(() => folder.remove());

function openLog() {
  const database = openLogDatabase({ file, clock: standingClock(), warn: () => undefined });
  const log = new SqliteUnitLog(database, { clock: standingClock(), processes: new Village(1) });
  return { log, heads: new SqliteChainHeads(database), database };
}

const key = (name = 'station') =>
  openKeyStore({
    file: join(folder.path, 'keys', `${name}.key`),
    seal: null,
    now: new Date(0),
    random: (length) => new Uint8Array(randomBytes(length)),
  });

async function append(log: Pick<SqliteUnitLog, 'begin' | 'finish'>, from: number, to: number) {
  for (let i = from; i <= to; i++) {
    await log.begin(opening(`r${i}`));
    await log.finish(draft(`r${i}`));
  }
}

function signing(heads: SqliteChainHeads, signer = key, at = Date.parse(A_DAY)) {
  const warnings: Failure[] = [];
  const clock = { ...standingClock(), now: () => at };
  const head = new HeadSigner({ heads, signer: () => signer(), clock, warn: (failure) => warnings.push(failure) });
  return { head, warnings };
}

/** Straight into the file, as somebody who knows all of its rules would, and has not the key. */
function forge(change: (body: Record<string, unknown>) => void) {
  const database = new Sqlite(file);
  database.exec('DROP TRIGGER IF EXISTS records_unchanged');
  let previous = GENESIS_HASH;
  const rows = database.prepare('SELECT sequence, body FROM records ORDER BY sequence').all();
  for (const row of rows as { sequence: number; body: string }[]) {
    const body = JSON.parse(row.body);
    change(body);
    delete body.hash;
    body.previousHash = previous;
    previous = recordHash(body);
    const text = canonicalJson({ ...body, hash: previous });
    const sql = 'UPDATE records SET body = ?, hash = ?, serial = ? WHERE sequence = ?';
    database.prepare(sql).run(text, previous, body.serial, row.sequence);
  }
  database.close();
}

it('is signed after each record, once for many that come together, and says how far', async () => {
  const { log, heads } = openLog();
  const { head } = signing(heads);
  const signed = signAfterFinish(log, head);
  await append(signed, 1, 5);
  await head.settled();
  const { keyId, publicKey } = await key();
  expect(await heads.check(publicKey)).toEqual({ keyId, through: 5, since: 0, fault: null });
  await append(log, 6, 7);
  expect(await heads.check(null)).toEqual({ keyId, through: 5, since: 2, fault: null });
  expect(await heads.signed(keyId, 6)).toBeNull();
  head.headMoved();
  await head.settled();
  expect(await heads.signed(keyId, 6)).toMatchObject({ sequence: 7, publicKey });
  expect(await heads.unsigned(keyId)).toBeNull();
  await log.close();
});

it('keeps the newest head and the last of each day, and nobody deletes or changes them', async () => {
  const { log, heads, database } = openLog();
  for (const [day, last] of [5, 5, 6].entries()) {
    await append(log, day * 10, day * 10 + last);
    for (const late of [0, 3_600_000]) {
      const { head } = signing(heads, key, Date.parse(A_DAY) + day * 86_400_000 + late);
      head.headMoved();
      await head.settled();
      await append(log, 100 + day * 10 + late, 100 + day * 10 + late);
    }
  }
  const kept = database.sqlite.prepare('SELECT sequence, signed_on FROM chain_heads').all();
  expect(kept).toEqual([
    { sequence: 7, signed_on: '2026-03-01' },
    { sequence: 15, signed_on: '2026-03-02' },
    { sequence: 24, signed_on: '2026-03-03' },
  ]);
  expect(() => database.sqlite.exec('DELETE FROM chain_heads WHERE sequence = 7')).toThrow('never deleted');
  expect(() => database.sqlite.exec("UPDATE chain_heads SET jws = ''")).toThrow('never changed');
  await log.close();
});

it('finds a chain that was made anew as a whole, up to the last signed head', async () => {
  const first = openLog();
  await append(first.log, 1, 4);
  const { head } = signing(first.heads);
  head.headMoved();
  await head.settled();
  await append(first.log, 5, 6);
  await first.log.close();
  forge((body) => (body['sequence'] === 6 ? Object.assign(body, { locks: { LATE: '1' } }) : undefined));
  const late = openLog();
  const { publicKey } = await key();
  expect(await late.heads.check(publicKey)).toMatchObject({ through: 4, since: 2, fault: null });
  await late.log.close();

  forge((body) => (body['sequence'] === 2 ? Object.assign(body, { locks: { LOCK: 'open' } }) : undefined));
  const { log, heads } = openLog();
  expect(await log.verify()).toEqual({ records: 6, fault: null });
  expect((await heads.check(publicKey)).fault).toMatch(/record 4 is not the one that was signed/);
  await log.close();
});

it('finds a head that another key signed, and one whose statement was changed', async () => {
  const { log, heads, database } = openLog();
  await append(log, 1, 2);
  const { head } = signing(heads, () => key('thief'));
  head.headMoved();
  await head.settled();
  const { publicKey } = await key();
  expect((await heads.check(publicKey)).fault).toMatch(/this station’s key is/);
  expect((await heads.check(null)).fault).toBeNull();
  database.sqlite.exec('DROP TRIGGER chain_heads_unchanged; UPDATE chain_heads SET sequence = 1');
  expect((await heads.check(null)).fault).toMatch(/is not what key/);
  await log.close();
});

it('works on without a key, tells of it once, and signs when the key is there again', async () => {
  const { log, heads } = openLog();
  let missing = true;
  const sometimes = () => {
    if (missing) throw new FlashlineError('key-unavailable', { params: { detail: 'locked' } });
    return key();
  };
  const { head, warnings } = signing(heads, async () => sometimes());
  const signed = signAfterFinish(log, head);
  for (let i = 1; i <= 3; i++) {
    await append(signed, i, i);
    await head.settled();
  }
  expect(warnings.map(({ code }) => code)).toEqual(['key-unavailable']);
  missing = false;
  await append(signed, 4, 4);
  await head.settled();
  expect(await heads.check(null)).toMatchObject({ through: 4, since: 0, fault: null });
  await log.close();
});
