import { z } from 'zod';
import { beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '#shared/model/failure.ts';
import type { RecordBatch } from '#shared/contract/plant/station-api.ts';
import { recordHash, sealRecord } from '#shared/model/record-chain.ts';
import { newSigner, plantDraft, PlantChain } from '../plant-chain.ts';
import { plantModel, readPlantState } from '../plant-model.ts';
import type { SuitePlant } from './suite-plant.ts';

const NOW = new Date('2026-11-03T00:00:00Z');

/** What stations may send, and what nobody may. */
export function ingestSuite(plant: () => SuitePlant): void {
  describe('records from stations', () => {
    let chain: PlantChain;
    beforeEach(async () => {
      await plant().empty();
      chain = new PlantChain('line-1', await newSigner());
      for (let unit = 1; unit <= 6; unit++) chain.add({ serial: `HB00000${unit}`, uid: `uid-${unit}` });
    });

    const take = (batch: RecordBatch, { station, signer } = chain) =>
      plant().ingest.take({ station, publicKey: signer.publicKey }, batch, NOW);
    const rows = (text: string) => plant().database.query(text);
    const failure = (code: string, params: object = {}) => ({
      failure: { code, params: expect.objectContaining(params) },
    });
    /** Item 3 of a batch, altered, and sealed again or not. */
    const altered = async (over: object, sealed: boolean): Promise<RecordBatch> => {
      const record: Record<string, unknown> = { ...chain.records[2], ...over };
      const items = [...chain.items(1, 2), { record: sealed ? { ...record, hash: recordHash(record) } : record }];
      return { chain: chain.genesis, head: null, items };
    };

    describe('a batch', () => {
      test('is kept byte for byte, found again by its station, and changes nothing when it comes again', async () => {
        const batch = await chain.batch();
        const answer = { sequence: 6, hash: chain.records[5]?.hash };
        expect(await take(batch)).toEqual({ ...answer, accepted: 6, repeated: 0 });
        const state = await readPlantState(plant().database);
        expect(await take(batch)).toEqual({ ...answer, accepted: 0, repeated: 6 });
        expect(await readPlantState(plant().database)).toEqual(state);
        expect(state).toEqual(plantModel(chain.records));
        expect(await plant().ingest.head('line-1', chain.genesis)).toEqual(answer);
        const { items, next } = await plant().ingest.ownRecords('line-1', chain.genesis, { after: 2, limit: 3 });
        expect({ items, next }).toEqual({ items: chain.items(3, 5), next: 5 });
      });

      test('may leave simulated units out, and may not slip them in', async () => {
        chain.add({ probe: 'bench:nrf52840', serial: 'SIM' });
        chain.add({ serial: 'HB000009', uid: 'uid-9' });
        const batch = await chain.batch();
        const [simulated] = chain.records.slice(6, 7);
        const smuggled = { ...batch, items: batch.items.with(6, { record: { ...simulated } }) };
        expect(await take(smuggled)).toMatchObject({ accepted: 8 });
        expect(await rows("SELECT 1 FROM records WHERE serial = 'SIM'")).toEqual([]);
        expect(await plant().ingest.ownRecords('line-1', chain.genesis, { after: 0, limit: 10 })).toEqual({
          items: chain.items(),
          next: null,
        });
      });

      test('proves with its head how far the station has signed', async () => {
        const { database } = plant();
        const signed = async () => (await database.query('SELECT signed FROM chains'))[0]?.['signed'];
        await take({ ...(await chain.batch(1, 2)), head: null });
        expect(await signed()).toBe(0);
        // Of a place that the plant does not have yet: nothing is proven, and nothing is wrong.
        await take({ ...(await chain.batch(3, 4)), head: (await chain.batch()).head });
        expect(await signed()).toBe(0);
        await take(await chain.batch(4, 5));
        expect(await signed()).toBe(5);
        await take({ ...(await chain.batch(6, 6)), head: null });
        expect(await signed()).toBe(5);
        await take(await chain.batch(6, 6));
        expect(await signed()).toBe(6);
      });

      test('takes SQL, HTML and every script of the world for text', async () => {
        const serial = `'; DROP TABLE records; -- <script>alert(1)</script> \\ " {a,b} 序列号 🜚 \u0001`;
        const record = chain.add({
          serial,
          operator: serial,
          macs: [serial],
          order: serial,
          batch: serial,
          uid: serial,
        });
        await take(await chain.batch());
        const [row] = await plant().database.query('SELECT body, facets FROM records WHERE serial = $1', [serial]);
        expect(JSON.parse(String(row?.['body']))).toEqual(record);
        expect(row?.['facets']).toContain(`mac:${serial}`);
      });

      test('of a log that was copied to another station is the same records, which that one gets back too', async () => {
        await take(await chain.batch(1, 4));
        const copy = new PlantChain('line-2', await newSigner());
        copy.records.push(...chain.records);
        const own = copy.add({ serial: 'HB000010', uid: 'uid-10' });
        expect(await take(await copy.batch(), copy)).toMatchObject({ sequence: 7, accepted: 7 });
        expect(await rows('SELECT count(*) AS n FROM records')).toEqual([{ n: 7 }]);
        expect(await readPlantState(plant().database)).toMatchObject({ findings: [] });
        const { items } = await plant().ingest.ownRecords('line-2', chain.genesis, { after: 0, limit: 10 });
        expect(items).toEqual([...chain.items(), { record: own }]);
      });

      test('with clocks of another age is kept, and a clock that is ahead is a finding', async () => {
        for (const finishedAt of ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])
          chain.add({ serial: finishedAt, uid: null, finishedAt });
        await take(await chain.batch());
        expect(await rows('SELECT count(*) AS n FROM records WHERE uid IS NULL')).toEqual([{ n: 3 }]);
        expect(await rows('SELECT kind, station FROM findings')).toEqual([{ kind: 'clock-skew', station: 'line-1' }]);
      });

      test('keeps what a newer Flashline adds to records', async () => {
        const record = { ...chain.records[2], torque: { newtonMetres: 1.2 } };
        await take(await altered(record, true));
        const [row] = await plant().database.query('SELECT body FROM records WHERE sequence = 3');
        expect(JSON.parse(String(row?.['body']))).toMatchObject({ torque: { newtonMetres: 1.2 } });
      });
    });

    describe('is refused whole', () => {
      const refusal = async (batch: RecordBatch) => {
        const thrown = await take(batch).catch((refused: unknown) => refused);
        const { failure } = z.object({ failure: Failure }).parse(thrown);
        const left = [await rows('SELECT 1 FROM records'), await rows('SELECT 1 FROM units')].flat();
        return { code: failure.code, ...failure.params, left };
      };

      test('after a gap, naming what is needed', async () => {
        expect(await refusal(await chain.batch(3, 6))).toMatchObject({ code: 'chain-gap', expected: '1', left: [] });
        expect(
          await refusal({ ...(await chain.batch()), items: [...chain.items(1, 2), ...chain.items(4, 6)] }),
        ).toMatchObject({ code: 'chain-gap', expected: '3', left: [] });
        await take(await chain.batch(1, 2));
        await expect(take(await chain.batch(4, 6))).rejects.toMatchObject(failure('chain-gap', { expected: '3' }));
      });

      test('with an altered record', async () =>
        expect(await refusal(await altered({ verdict: 'FAIL' }, false))).toMatchObject({
          code: 'chain-broken',
          sequence: '3',
          left: [],
        }));
      test('with a record that hides a member', async () =>
        expect(await refusal(await altered({ extra: 1 }, false))).toMatchObject({ code: 'chain-broken', left: [] }));
      test('with a forged predecessor', async () =>
        expect(await refusal(await altered({ previousHash: 'f'.repeat(64) }, true))).toMatchObject({
          code: 'chain-broken',
          sequence: '3',
          left: [],
        }));
      test('reordered', async () =>
        expect(await refusal({ ...(await chain.batch()), items: chain.items().toReversed() })).toMatchObject({
          code: 'chain-gap',
          left: [],
        }));
      test('under another chain’s name', async () => {
        const batch = await chain.batch();
        expect(await refusal({ ...batch, chain: 'e'.repeat(64), head: null })).toMatchObject({
          code: 'chain-broken',
          sequence: '1',
          left: [],
        });
        expect(await refusal({ ...batch, chain: 'e'.repeat(64) })).toMatchObject({ code: 'chain-broken', left: [] });
      });
      test('of a newer format', async () =>
        expect(await refusal(await altered({ schema: 2 }, true))).toMatchObject({
          code: 'record-newer',
          schema: '2',
          left: [],
        }));
      test('with words that this Flashline does not know', async () =>
        expect(await refusal(await altered({ verdict: 'SCRAPPED' }, true))).toMatchObject({
          code: 'record-newer',
          left: [],
        }));
      test.each(['HB\0', 'HB\ud800', '\udfffHB'])('with text that cannot be kept: %j', async (serial) =>
        expect(await refusal(await altered({ serial }, true))).toMatchObject({ code: 'bad-request', left: [] }),
      );
      test.each([
        'yesterday',
        '2026-02-30T00:00:00Z',
        '2026-11-02T08:00:00',
        '+012026-11-02T08:00:00Z',
        '0000-01-01T00:00:00Z',
      ])('with a time that is none: %s', async (finishedAt) =>
        expect(await refusal(await altered({ finishedAt }, true))).toMatchObject({ code: 'bad-request', left: [] }),
      );
      test('with a name of 100 000 characters', async () =>
        expect(await refusal(await altered({ serial: 'x'.repeat(100_000) }, true))).toMatchObject({
          code: 'bad-request',
          left: [],
        }));
      test('with a hundred thousand brackets', async () => {
        const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
        expect(await refusal(await altered({ deep }, false))).toMatchObject({ code: 'bad-request', left: [] });
      });

      test('signed by another key, or vouching for another record', async () => {
        expect(await refusal(await chain.batch(1, 6, await newSigner()))).toMatchObject({
          code: 'chain-broken',
          sequence: '6',
          left: [],
        });
        const other = new PlantChain('line-1', chain.signer);
        other.records.push(...chain.records.slice(0, 5));
        other.add({ serial: 'HB000066' });
        expect(await refusal({ ...(await chain.batch()), head: (await other.batch()).head })).toMatchObject({
          code: 'chain-broken',
          sequence: '6',
          left: [],
        });
      });

      test('as a fork, which somebody must look at, once', async () => {
        await take(await chain.batch());
        const other = new PlantChain('line-1', chain.signer);
        other.records.push(...chain.records.slice(0, 4));
        other.add({ serial: 'HB000055' });
        other.add({ serial: 'HB000056' });
        other.add({ serial: 'HB000057' });
        for (const [first, last, sequence] of [
          [5, 6, 5],
          [4, 7, 5],
          [7, 7, 6],
        ] as const)
          await expect(take(await other.batch(first, last))).rejects.toMatchObject(
            failure('chain-broken', { sequence: String(sequence) }),
          );
        expect(await readPlantState(plant().database)).toEqual(plantModel(chain.records));
        const found = await rows(
          "SELECT kind, station, detail->>'sequence' AS sequence FROM findings ORDER BY sequence",
        );
        expect(found).toEqual(['5', '6'].map((sequence) => ({ kind: 'chain-forked', station: 'line-1', sequence })));
      });
    });

    test('stations that meet in the same units wait for each other, and never for ever', async () => {
      const stations = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => new PlantChain(`line-${index}`, await newSigner())),
      );
      for (const [index, station] of stations.entries())
        for (let unit = 0; unit < 60; unit++) {
          // Each in an order of its own.
          const number = (unit * (2 * index + 1)) % 60;
          const at = Date.parse('2026-11-01T00:00:00Z') + (unit * 6 + index) * 1000;
          station.add({ serial: `M${number}`, uid: `m${number % 50}`, finishedAt: new Date(at).toISOString() });
        }
      await Promise.all(
        stations.map(async (station) => {
          for (let first = 1; first <= 60; first += 20) await take(await station.batch(first, first + 19), station);
        }),
      );
      expect(await readPlantState(plant().database)).toEqual(plantModel(stations.flatMap(({ records }) => records)));
    });

    test('one that is not known has nothing', async () => {
      const { ingest } = plant();
      const genesis = sealRecord(plantDraft(), null).hash;
      expect(await ingest.head('line-9', genesis)).toEqual({ sequence: 0, hash: '0'.repeat(64) });
      expect(await ingest.ownRecords('line-9', genesis, { after: 0, limit: 5 })).toEqual({ items: [], next: null });
    });
  });
}
