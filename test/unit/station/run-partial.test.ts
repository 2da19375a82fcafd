import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import { executeRun } from '#main/station/run.ts';
import { FakeBoard, makeRig, type Rig, testRelease, typesOf } from './fixtures.ts';

const SERIAL = 'HB000001';
const PAGE = 1024;
const release = testRelease();
let rig: Rig;
beforeEach(() => {
  rig = makeRig();
});
afterEach(() => rig.remove());

/** A board that holds the release; `onRead` may spoil it before each read. */
function boardWith(onRead: (board: FakeBoard) => void = () => undefined): FakeBoard {
  const board: FakeBoard = new FakeBoard(async (name) => {
    if (name === 'read') onRead(board);
  });
  board.flash.set(release.contents.bytes(0, 3 * PAGE));
  return board;
}

async function run(board: FakeBoard, trustKept = false) {
  const events: RunEvent[] = [];
  const request = { serial: SERIAL, slot: '1', probe: 'fake:1', rework: false };
  const services = { ...rig.services(board), trustKept };
  const end = await executeRun(request, rig.engine, services, new AbortController().signal, (event) =>
    events.push(event),
  );
  for (const event of events) RunEvent.parse(event);
  return { end, events };
}

describe('the record of a run', () => {
  it('says what was written and kept, and why', async () => {
    const board = boardWith();
    board.flash[2 * PAGE + 5] = 0;
    const { end, events } = await run(board);
    const pages = [
      { action: 'write', reason: 'flag', bytes: PAGE },
      { action: 'keep', reason: 'read', bytes: PAGE },
      { action: 'write', reason: 'read', bytes: PAGE },
    ];
    expect(end.record).toMatchObject({ verdict: 'PASS', pages, bytesSkipped: PAGE });
    expect(events.find(({ type }) => type === 'plan.ready')).toMatchObject({ pages });
    expect(end.record).not.toHaveProperty('rot');
    expect(end.record).not.toHaveProperty('unproven');
  });

  it('tells of rot that a unit had where nothing was to be done, once it is proven whole', async () => {
    let reads = 0;
    const board = boardWith((each) => {
      if (++reads === 1) each.flash[PAGE + 5] = (each.flash[PAGE + 5] ?? 0) ^ 1;
    });
    const { end, events } = await run(board);
    const rot = [{ memory: 'flash', address: PAGE, size: PAGE }];
    const sha256 = { readBack: release.layout.images[0]?.sha256 };
    expect(end.record).toMatchObject({ verdict: 'PASS', rot, images: [{ sha256 }], bytesWritten: 2 * PAGE });
    expect(board.flash.subarray(0, 2500)).toEqual(release.contents.bytes(0, 2500));
    const steps = typesOf(events).filter((type) => /^step\.(started|finished)/u.test(type));
    const open = new Set<string>();
    for (const step of steps) {
      const [type, name = ''] = step.split(' ');
      expect(open.size === (type === 'step.started' ? 0 : 1)).toBe(true);
      if (type === 'step.started') open.add(name);
      else open.delete(name);
    }
    const journal = await rig.log.records({});
    expect(journal).toHaveLength(1);
  });

  it('a page that rots again as soon as it is written is the unit’s fault', async () => {
    const board = boardWith((each) => {
      each.flash[PAGE + 5] = 0;
    });
    const { end } = await run(board);
    expect(end).toMatchObject({
      verdict: 'FAIL',
      failure: { code: 'verify-mismatch', params: { address: '0x00000405' } },
    });
    expect(board.flash.subarray(0, 8)).toEqual(new Uint8Array(8).fill(0xff));
  });

  it('of a developer’s re-flash says what was not read, claims no digest, and counts for nothing', async () => {
    const board = boardWith();
    board.flash[2 * PAGE + 5] = 0;
    const { end } = await run(board, true);
    expect(end.record).toMatchObject({ verdict: 'PASS', unproven: PAGE, images: [{ sha256: { readBack: null } }] });
    expect(end.record && isSimulated(end.record)).toBe(true);
    const real = { process: undefined, product: 'hello', serial: SERIAL, uid: board.uid, simulated: false };
    expect(await rig.log.lastPass(real)).toBeUndefined();
    const { end: again } = await run(boardWith());
    expect(again.verdict).toBe('PASS');
    expect(await rig.log.lastPass(real)).toMatchObject({ serial: SERIAL });
  });
});
