import { beforeEach, describe, expect, test } from 'vitest';
import type { BatchItem, RecordBatch } from '#shared/contract/plant/station-api.ts';
import { newSigner, PlantChain } from '../plant-chain.ts';
import { plantModel, readPlantState } from '../plant-model.ts';
import type { SuitePlant } from './suite-plant.ts';

const NOW = new Date('2026-11-03T00:00:00Z');

/** What a station lost for good, and tells. */
export function ingestGapsSuite(plant: () => SuitePlant): void {
  describe('records that a station lost', () => {
    let chain: PlantChain;
    beforeEach(async () => {
      await plant().empty();
      chain = new PlantChain('line-1', await newSigner());
      for (let unit = 1; unit <= 9; unit++) chain.add({ serial: `HB00000${unit}`, uid: `uid-${unit}` });
    });

    const take = (batch: RecordBatch) =>
      plant().ingest.take({ station: 'line-1', publicKey: chain.signer.publicKey }, batch, NOW);
    const gap = (first: number, last: number, over: object = {}): BatchItem => ({
      gap: {
        first,
        last,
        previousHash: chain.records[first - 1]?.previousHash ?? '',
        hash: chain.records[last - 1]?.hash ?? '',
        ...over,
      },
    });
    const batchOf = (...items: BatchItem[]): RecordBatch => ({ chain: chain.genesis, head: null, items });
    const lost = async () =>
      (await plant().database.query('SELECT first, last, filled_at FROM chain_gaps ORDER BY first')).map(
        ({ first, last, filled_at: filledAt }) => [first, last, filledAt !== null],
      );
    const findings = () =>
      plant().database.query('SELECT kind, station, detail, settled_by FROM findings ORDER BY found_at, id');
    const finding = (first: number, last: number, settledBy: string | null = null) => ({
      kind: 'records-lost',
      station: 'line-1',
      detail: { chain: chain.genesis, first: String(first), last: String(last) },
      settled_by: settledBy,
    });
    const own = async () => {
      const page = { after: 0, limit: 100 };
      return (await plant().ingest.ownRecords('line-1', chain.genesis, page)).items;
    };
    const end = (sequence: number) => ({ sequence, hash: chain.records[sequence - 1]?.hash });
    const broken = (sequence: number) => ({
      failure: { code: 'chain-broken', params: expect.objectContaining({ sequence: String(sequence) }) },
    });

    test('are a finding, the chain goes on behind them, and the same batch again changes nothing', async () => {
      const { head } = await chain.batch();
      const batch = { ...batchOf(...chain.items(1, 3), gap(4, 6), ...chain.items(7, 9)), head };
      expect(await take(batch)).toEqual({ ...end(9), accepted: 7, repeated: 0 });
      const there = chain.records.filter(({ sequence }) => sequence < 4 || sequence > 6);
      const state = await readPlantState(plant().database);
      expect({ ...state, findings: [] }).toEqual(plantModel(there));
      expect(await take(batch)).toEqual({ ...end(9), accepted: 0, repeated: 7 });
      expect(await readPlantState(plant().database)).toEqual(state);
      expect(await findings()).toEqual([finding(4, 6)]);
      expect(await lost()).toEqual([[4, 6, false]]);
      expect(await own()).toEqual(batch.items);
      expect(await plant().ingest.head('line-1', chain.genesis)).toEqual(end(9));
    });

    test('may be the first and the last of a batch, of one place, and side by side', async () => {
      expect(await take({ ...(await chain.batch(1, 2)), items: [gap(1, 2)] })).toMatchObject({
        ...end(2),
        accepted: 1,
      });
      expect(await take(batchOf(gap(3, 3), gap(4, 5), ...chain.items(6, 7), gap(8, 8)))).toMatchObject(end(8));
      expect(await take(await chain.batch(9, 9))).toMatchObject(end(9));
      expect(await lost()).toEqual([1, 3, 4, 8].map((first, index) => [first, [2, 3, 5, 8][index], false]));
      expect(await findings()).toHaveLength(4);
    });

    test('are no loss where the plant has them, and lost only behind what it has', async () => {
      await take(await chain.batch(1, 5));
      expect(await take(batchOf(gap(2, 4), ...chain.items(5, 5)))).toMatchObject({ accepted: 0, repeated: 2 });
      expect(await findings()).toEqual([]);
      expect(await take(batchOf(gap(4, 7), ...chain.items(8, 9)))).toMatchObject({ ...end(9), accepted: 3 });
      expect(await findings()).toEqual([finding(6, 7)]);
      expect(await own()).toEqual([...chain.items(1, 5), gap(6, 7), ...chain.items(8, 9)]);
    });

    test('are no loss where an older chain of the same station has them; another station’s does not count', async () => {
      await take(await chain.batch(1, 5));
      // The log went back to record 3, and goes on from there under the name of the record that follows.
      const branch = chain.records[3]?.hash ?? '';
      const on = (genesis: string, ...items: BatchItem[]) => ({ chain: genesis, head: null, items });
      expect(await take(on(branch, gap(1, 3), ...chain.items(4, 4)))).toMatchObject({ ...end(4), accepted: 2 });
      expect(await findings()).toEqual([]);
      const stranger = { station: 'line-2', publicKey: chain.signer.publicKey };
      await plant().ingest.take(stranger, on('a'.repeat(64), gap(1, 3)), NOW);
      expect(await findings()).toMatchObject([{ kind: 'records-lost', station: 'line-2' }]);
    });

    test('settle it when they come after all, whole; some of them are left alone', async () => {
      await take(batchOf(...chain.items(1, 3), gap(4, 6), ...chain.items(7, 9)));
      expect(await take(await chain.batch(3, 5))).toMatchObject({ ...end(9), accepted: 0, repeated: 3 });
      expect(await findings()).toEqual([finding(4, 6)]);
      expect(await take(await chain.batch(3, 7))).toMatchObject({ ...end(9), accepted: 3, repeated: 2 });
      expect(await lost()).toEqual([[4, 6, true]]);
      expect(await findings()).toEqual([finding(4, 6, 'line-1')]);
      expect(await own()).toEqual(chain.items());
      expect({ ...(await readPlantState(plant().database)), findings: [] }).toEqual(plantModel(chain.records));
      expect(await take(await chain.batch())).toMatchObject({ accepted: 0, repeated: 9 });
      expect(await take(batchOf(gap(4, 6)))).toMatchObject({ accepted: 0, repeated: 1 });
    });

    test('cannot hide another history', async () => {
      const f = 'f'.repeat(64);
      // In the batch itself, before anything is known of the chain.
      for (const [forged, at] of [
        [gap(4, 6, { previousHash: f }), 4],
        [gap(4, 6, { hash: f }), 7],
        [gap(6, 4), 6],
      ] as const)
        await expect(take(batchOf(...chain.items(1, 3), forged, ...chain.items(7, 9)))).rejects.toMatchObject({
          failure: { code: expect.stringMatching(/chain-(?:broken|gap)/), params: expect.anything() },
          ...(at === 6 ? {} : broken(at)),
        });
      await expect(take(batchOf(gap(1, 1, { hash: f })))).rejects.toMatchObject(broken(1));
      await expect(take(batchOf(gap(2, 3)))).rejects.toMatchObject({ failure: { code: 'chain-gap' } });
      expect(await lost()).toEqual([]);
      // Against what the plant has.
      await take(await chain.batch(1, 5));
      await expect(take(batchOf(gap(2, 4, { hash: f })))).rejects.toMatchObject(broken(4));
      await expect(take(batchOf(gap(3, 7, { previousHash: f })))).rejects.toMatchObject(broken(2));
      await expect(take(batchOf(gap(6, 7, { previousHash: f })))).rejects.toMatchObject(broken(5));
      // And against what it was told of a gap.
      await take(batchOf(gap(6, 7)));
      await expect(take(batchOf(gap(6, 7, { hash: f })))).rejects.toMatchObject(broken(7));
      expect(await lost()).toEqual([[6, 7, false]]);
      expect((await findings()).map(({ kind }) => String(kind)).toSorted()).toEqual([
        ...Array.from({ length: 4 }, () => 'chain-forked'),
        'records-lost',
      ]);
    });
  });
}
