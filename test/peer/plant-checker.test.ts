import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '#main/app/real-clock.ts';
import { openDatabase } from '#plant/database/open-database.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { LineStation } from '#test/support/line-station.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { keyringOf } from '#test/support/plant/plant-in-memory.ts';
import { type CheckedStation, checkPlant } from '#test/support/plant-checker/check.ts';
import type { FaultKind } from '#test/support/plant-checker/fault.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

const RECORDS = 240;

/** One fault each, put in with the superuser's hand past all that guards the tables. */
const PLANTED: readonly (readonly [string, FaultKind, string])[] = [
  ['a record that is lost', 'lost', 'DELETE FROM records WHERE sequence = 17 AND chain = 1'],
  [
    'a record that is there twice',
    'doubled',
    `INSERT INTO records SELECT serial, finished_at + interval '1 ms', hash, chain, sequence, product, process, uid, verdict,
       station, received_at, facets, body FROM records WHERE chain = 1 AND sequence = (SELECT min(sequence) FROM records WHERE chain = 1)`,
  ],
  [
    'a record that no station made',
    'foreign',
    `INSERT INTO records SELECT serial, finished_at, repeat('f', 64), chain, 100000, product, process, uid, verdict,
       station, received_at, facets, body FROM records WHERE chain = 1 ORDER BY sequence LIMIT 1`,
  ],
  [
    'one changed byte',
    'changed',
    `UPDATE records SET body = replace(body, '"slot":"1"', '"slot":"5"')
     WHERE (chain, sequence) = (SELECT chain, sequence FROM records WHERE body LIKE '%"slot":"1"%' LIMIT 1)`,
  ],
  [
    'a verdict turned over in its column',
    'column',
    `UPDATE records SET verdict = 'PASS' WHERE (chain, sequence) = (SELECT chain, sequence FROM records WHERE verdict = 'FAIL' LIMIT 1)`,
  ],
  ['a facet less', 'column', 'UPDATE records SET facets = facets[2:] WHERE chain = 2 AND sequence BETWEEN 1 AND 20'],
  ['a hole where a simulated unit was', 'gap', 'DELETE FROM links WHERE sequence = (SELECT min(sequence) FROM links)'],
  ['a link to another hash', 'gap', `UPDATE links SET previous_hash = repeat('0', 64) WHERE sequence > 1`],
  ['a chain that ends too soon', 'head', 'UPDATE chains SET sequence = sequence - 40 WHERE id = 2'],
  [
    'a signature of somebody else',
    'signature',
    'UPDATE chains SET head = (SELECT head FROM chains WHERE id = 1) WHERE id = 2',
  ],
  ['a signature that is gone', 'signature', 'UPDATE chains SET head = NULL, signed = 0 WHERE id = 1'],
  [
    'a wrong count of runs of a unit',
    'unit',
    `UPDATE units SET runs = runs + 1 WHERE serial = (SELECT min(serial) FROM units)`,
  ],
  [
    'another first verdict of a unit',
    'unit',
    `UPDATE units SET first_verdict = 'PASS' WHERE serial = (SELECT min(serial) FROM units WHERE first_verdict = 'FAIL')`,
  ],
  [
    'a wrong hour',
    'yield',
    'UPDATE yield_hours SET passed_later = passed_later + 1 WHERE hour = (SELECT min(hour) FROM yield_hours)',
  ],
  ['a wrong day', 'yield', 'UPDATE yield_days SET attempted = attempted - 1'],
  ['runs that never were', 'runs', `INSERT INTO run_hours VALUES ('2020-01-01Z', 'p', 'flash', 's', 'PASS', '', 1)`],
  [
    'numbers in two leases',
    'lease',
    `INSERT INTO pools (id, kind, prefix, digits, first, last, block, next, base, places, low, high, created_by, created_at)
       VALUES ('one', 'serial', 'A', 3, 0, 999, 10, 0, 'A', 3, 0, 999, 'x', now()), ('two', 'serial', 'A1', 2, 0, 99, 10, 0, 'A', 3, 100, 199, 'x', now());
     INSERT INTO leases (id, pool, station, key, first, last, next, issued_at, until, jws)
       VALUES ('l1', 'one', 'a', 'k', 100, 149, 100, now(), now(), ''), ('l2', 'two', 'b', 'k', 40, 49, 40, now(), now(), '')`,
  ],
];

describe.skipIf(!requirePrograms(['postgresql']))('the checker of plant and stations', () => {
  const folder = temporaryFolder();
  let postgres: Postgres;
  let stations: CheckedStation[];

  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } });
    const database = await openDatabase({ url: await postgres.createDatabase('plant') }, { clock: realClock });
    const signer = await newSigner();
    const keyring = keyringOf(signer);
    try {
      const ingest = createIngest({ database, keyring });
      stations = await Promise.all(['line 1', 'line 2'].map((name, index) => work(name, index, ingest)));
    } finally {
      await database.close();
    }
  });
  afterAll(async () => {
    await postgres.remove();
    folder.remove();
  });

  /** A station that makes its records and sends them all. */
  async function work(name: string, index: number, ingest: Ingest): Promise<CheckedStation> {
    const station = await LineStation.open({ folder: folder.path, name, seed: index + 1, units: 120 });
    await station.make(RECORDS, Date.UTC(2026, 1, 28), 400_000);
    await station.send(ingest);
    await station.close();
    return station.checked;
  }

  it('finds that they agree where they do', async () => {
    const { faults, records, chains } = await checkPlant(postgres.urlOf('plant'), stations);
    expect(faults).toEqual([]);
    expect(chains).toBe(2);
    expect(records).toBeGreaterThan(2 * RECORDS * 0.85);
  });

  it.each(PLANTED)('finds %s', async (_, kind, sql) => {
    await postgres.psql('DROP DATABASE IF EXISTS faulty');
    await postgres.psql('CREATE DATABASE faulty TEMPLATE plant');
    await postgres.psql(sql, 'faulty');
    const { faults } = await checkPlant(postgres.urlOf('faulty'), stations);
    expect(faults.map((fault) => fault.kind)).toContain(kind);
  });

  it('finds a changed byte at a station too', async () => {
    const [first, second] = stations;
    if (first === undefined || second === undefined) throw new Error('no stations');
    const file = join(folder.path, 'changed.sqlite');
    const copy = new Sqlite(first.file);
    copy.exec(`VACUUM INTO '${file}'`);
    copy.close();
    const changed = new Sqlite(file);
    changed.exec(
      `DROP TRIGGER records_unchanged; UPDATE records SET body = replace(body, '1.4.2', '1.4.3') WHERE sequence = 9`,
    );
    changed.close();
    const { faults } = await checkPlant(postgres.urlOf('plant'), [{ ...first, file }, second]);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['station-file', 'changed']));
  });

  it('finds a station that the plant knows nothing of', async () => {
    const [first] = stations;
    if (first === undefined) throw new Error('no station');
    const { faults } = await checkPlant(postgres.urlOf('plant'), [{ ...first, name: 'line 3' }]);
    expect(new Set(faults.map(({ kind }) => kind))).toContain('lost');
    expect(new Set(faults.map(({ kind }) => kind))).toContain('foreign');
  });
});
