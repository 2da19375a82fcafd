import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constantFrom,
  integer,
  record,
} from '#test/support/fast-check.ts';
import { expect, test } from 'vitest';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { FAILED, newSigner, PlantChain } from '../plant-chain.ts';
import { plantModel, readPlantState } from '../plant-model.ts';
import type { SuitePlant } from './suite-plant.ts';

const NOW = new Date('2026-11-03T00:00:00Z');

/** Few serials, boards, instants and addresses, so that everything meets everything. */
const Run = record({
  station: integer({ min: 0, max: 2 }),
  serial: constantFrom('A', 'B', 'C'),
  product: constantFrom('one', 'two'),
  process: constantFrom(undefined, 'flash', 'final'),
  uid: constantFrom(null, 'u1', 'u2'),
  mac: constantFrom(undefined, '02:00:5e:00:53:01', '02:00:5e:00:53:02'),
  order: constantFrom(undefined, 'WO-1', 'WO-2'),
  minutes: integer({ min: 0, max: 40 }).map((step) => step * 60),
  verdict: constantFrom('PASS', 'PASS', 'FAIL', 'ERROR', 'ABORTED', 'INTERRUPTED'),
  simulated: boolean(),
});
type Run = typeof Run extends Arbitrary<infer T> ? T : never;

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

/** Stations deliver in any order, pieces and repetitions. */
export function ingestOrderSuite(plant: () => SuitePlant): void {
  test('whatever order stations deliver in, and however often, the plant knows the same', async () => {
    const signers = await Promise.all([newSigner(), newSigner(), newSigner()]);
    const deliveries = array(
      record({
        station: integer({ min: 0, max: 2 }),
        size: integer({ min: 1, max: 5 }),
        back: integer({ min: 0, max: 3 }),
      }),
      { maxLength: 20 },
    );
    await assert(
      asyncProperty(array(Run, { minLength: 1, maxLength: 30 }), deliveries, async (runs, plan) => {
        const { database, ingest, empty } = plant();
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
      { numRuns: 25 },
    );
  }, 60_000);
}
