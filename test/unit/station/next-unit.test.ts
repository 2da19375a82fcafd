import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEXT_CODE, StationState } from '#shared/contract/station.ts';
import type { ToClient } from '#shared/contract/wire.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { hostStation } from '#main/app/host.ts';
import type { NumberBook } from '#main/log/log.ts';
import { Station } from '#main/station/station.ts';
import { FakeBoard, makeRig, type Rig } from './fixtures.ts';

let rig: Rig;
beforeEach(() => {
  rig = makeRig();
});
afterEach(() => rig.remove());

/** A station whose boards have their serials of a counter from 1 to 3. */
function makeStation(options: { readonly autoStart?: boolean; readonly slots?: number } = {}) {
  let next = 1;
  const numbers = {
    next: () => Promise.resolve(next),
    take: ({ number }: { readonly number: number }) => {
      if (number < next) return Promise.resolve('moved');
      next = number + 1;
      return Promise.resolve('taken');
    },
    isTaken: () => Promise.resolve(true),
  } as unknown as NumberBook;
  const serial = Recipe.shape.serial.parse({
    pattern: '^HB[0-9]{6}$',
    source: { counter: 'boards', prefix: 'HB', digits: 6, last: 3 },
  });
  const { release } = rig.engine;
  const station = new Station({
    ...rig.services(() => new FakeBoard()),
    mode: 'bench',
    slots: Array.from({ length: options.slots ?? 2 }, (_, index) => ({
      id: String(index + 1),
      name: `place ${index + 1}`,
      probe: `fake:${index + 1}`,
    })),
    samples: [],
    engine: { ...rig.engine, release: { ...release, recipe: { ...release.recipe, serial } } },
    autoStart: options.autoStart ?? false,
    interrupted: [],
    numbers,
    serialsLeft: 3,
  });
  return { station, left: () => StationState.parse(station.state()).release?.serials?.left };
}

describe('a board without a label', () => {
  it('has the next serial on the next slot; what is left is told before and after', async () => {
    const { station, left } = makeStation();
    expect(left()).toBe(3);
    expect(await station.nextUnit({})).toEqual({ outcome: 'accepted', slot: '1', serial: 'HB000001' });
    expect(await station.nextUnit({ slot: '2' })).toEqual({ outcome: 'accepted', slot: '2', serial: 'HB000002' });
    expect(left()).toBe(1);
    expect(await station.runSlot({ slot: '1', rework: false })).toMatchObject({ verdict: 'PASS' });
    expect((await rig.log.records({})).map(({ serial }) => serial)).toEqual(['HB000001']);
  });

  it('a press too many takes no second number, however fast it comes', async () => {
    const { station, left } = makeStation({ slots: 1 });
    const outcomes = await Promise.all([station.nextUnit({}), station.nextUnit({}), station.nextUnit({})]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['accepted', 'repeated', 'repeated']);
    expect(left()).toBe(2);
  });

  it('is refused when there is none left, and nothing is on the slot', async () => {
    const { station, left } = makeStation({ slots: 4 });
    for (let board = 0; board < 3; board++) await station.nextUnit({});
    expect(await station.nextUnit({})).toMatchObject({ outcome: 'refused', failure: { code: 'counter-used-up' } });
    expect(left()).toBe(0);
    expect(station.state().slots.map(({ serial }) => serial)).toEqual(['HB000001', 'HB000002', 'HB000003', null]);
  });

  it('is asked for by a barcode too, and starts by itself where the station does that', async () => {
    const { station } = makeStation({ autoStart: true });
    const host = hostStation(station);
    const answered = new Promise<ToClient>((resolve) => {
      const client = host.bridge.connect((message) => {
        if (message.type === 'result' || message.type === 'failure') resolve(message);
      });
      client.receive({ type: 'call', id: 1, call: 'station.scan', params: { code: ` ${NEXT_CODE}\r` } });
    });
    expect(await answered).toMatchObject({ result: { outcome: 'accepted', slot: '1', serial: 'HB000001' } });
    expect(station.state().slots[0]?.phase).toBe('running');
    host.close();
    await station.close();
  });
});
