import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import type { Database } from '#plant/database/database.ts';
import { openDatabase } from '#plant/database/open-database.ts';
import { createIngest, type Ingest } from '#plant/ingest/ingest.ts';
import { verifyJws } from '#plant/keyring/jws.ts';
import { realClock } from '#main/app/real-clock.ts';
import { FAILED, newSigner, PlantChain } from '#test/support/plant-chain.ts';
import { plantModel, readPlantState } from '#test/support/plant-model.ts';

const NOW = new Date('2026-11-03T00:00:00Z');

/** Few serials, boards, instants and addresses, so that everything meets everything. */
const Run = fc.record({
  station: fc.integer({ min: 0, max: 2 }),
  serial: fc.constantFrom('A', 'B', 'C'),
  product: fc.constantFrom('one', 'two'),
  process: fc.constantFrom(undefined, 'flash', 'final'),
  uid: fc.constantFrom(null, 'u1', 'u2'),
  mac: fc.constantFrom(undefined, '02:00:5e:00:53:01', '02:00:5e:00:53:02'),
  order: fc.constantFrom(undefined, 'WO-1', 'WO-2'),
  minutes: fc.integer({ min: 0, max: 40 }).map((step) => step * 60),
  verdict: fc.constantFrom('PASS', 'PASS', 'FAIL', 'ERROR', 'ABORTED', 'INTERRUPTED'),
  simulated: fc.boolean(),
});
type Run = typeof Run extends fc.Arbitrary<infer T> ? T : never;

function draftOf(run: Run): Partial<RecordDraft> {
  const { serial, uid, process, order, mac, verdict, minutes, simulated } = run;
  return {
    ...(verdict === 'FAIL' ? FAILED : {}),
    verdict,
    serial,
    uid,
    product: { id: run.product, revision: 'A', name: run.product },
    finishedAt: new Date(Date.parse('2026-10-30T00:00:00Z') + minutes * 60_000).toISOString(),
    ...(process === undefined ? {} : { process }),
    ...(order === undefined ? {} : { order }),
    ...(mac === undefined ? {} : { macs: [mac] }),
    ...(simulated && minutes % 120 === 0 ? { probe: 'bench:nrf52840' } : {}),
  };
}

let database: Database;
let ingest: Ingest;
beforeAll(async () => {
  database = await openDatabase({ folder: null }, { clock: realClock });
  const signer = await newSigner();
  ingest = createIngest({
    database,
    keyring: { signer, verify: (jws, typ, key = signer.publicKey) => verifyJws(jws, typ, key) },
  });
});
afterAll(() => database.close());

async function empty(): Promise<void> {
  await database.query(`
    RESET ROLE;
    TRUNCATE chains, records, links, units, marks, yield_hours, yield_days, run_hours, run_days, findings;
    SET ROLE flashline_app;`);
}

test('whatever order stations deliver in, and however often, the plant knows the same', async () => {
  const signers = await Promise.all([newSigner(), newSigner(), newSigner()]);
  const deliveries = fc.array(
    fc.record({
      station: fc.integer({ min: 0, max: 2 }),
      size: fc.integer({ min: 1, max: 5 }),
      back: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 20 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(Run, { minLength: 1, maxLength: 30 }), deliveries, async (runs, plan) => {
      await empty();
      const chains = signers.map((signer, index) => new PlantChain(`line-${index}`, signer));
      for (const run of runs) chains[run.station]?.add(draftOf(run));
      const sent = [0, 0, 0];
      const deliver = async (station: number, size: number, back: number) => {
        const chain = chains[station];
        const has = sent[station] ?? 0;
        const first = Math.max(1, has + 1 - back);
        const last = Math.min(chain?.records.length ?? 0, has + size);
        if (chain === undefined || last < first) return;
        const sender = { station: chain.station, publicKey: chain.signer.publicKey };
        const answer = await ingest.take(sender, await chain.batch(first, last), NOW);
        expect(answer).toMatchObject({ sequence: Math.max(has, last), repeated: Math.min(has, last) - first + 1 });
        sent[station] = Math.max(has, last);
      };
      for (const { station, size, back } of plan) await deliver(station, size, back);
      for (const station of [2, 0, 1]) await deliver(station, 1000, 1);
      expect(await readPlantState(database)).toEqual(plantModel(chains.flatMap(({ records }) => records)));
    }),
    { numRuns: 40 },
  );
}, 60_000);
