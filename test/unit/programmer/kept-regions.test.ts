import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import type { KeptDigest } from '#shared/model/unit-record.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { placeRegions } from '#main/plan/regions.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { CarryOutHooks } from '#main/programmer/carry-out-input.ts';
import type { FlashDevice } from '#main/programmer/flash-device.ts';
import { digestKept } from '#main/programmer/kept-regions.ts';
import { failureOf } from '../release/failure-of.ts';
import { ArrayFlash, ioWith, TINY } from './array-flash.ts';

const CALIBRATION = Uint8Array.from({ length: 64 }, (_, index) => index ^ 0x5a);
const AT = 256;
const IMAGE: ReleaseImage = {
  role: 'application',
  version: '1',
  file: 'a.bin',
  image: { format: 'bin', segments: [{ address: 0, data: new Uint8Array(200).fill(0x11) }] },
};
const keep = [{ name: 'calibration', address: AT, size: 64 }];
const { images, kept: regions } = placeRegions(
  { images: [{ role: 'application', file: 'a.bin', version: '1' }], keep },
  TINY,
  [IMAGE],
);
const layout = layOut(TINY, images, regions);

/** A run over a unit that came with calibration data and an older application. */
async function flashed(device: ArrayFlash, as: FlashDevice = device) {
  device.at(AT, 64).set(CALIBRATION);
  device.at(0, 200).fill(0x22);
  let kept: readonly KeptDigest[] = await digestKept(regions, as, ioWith());
  const before = kept;
  const hooks: CarryOutHooks = {
    beforeChange: () => Promise.resolve(),
    stepStarted: () => undefined,
    progress: () => undefined,
    stepFinished: () => undefined,
    keptObserved: (now) => {
      kept = [now];
    },
  };
  const input = {
    plan: makePlan({ layout }),
    contents: layout.contents,
    device: as,
    chip: TINY,
    hooks,
    io: ioWith(),
    kept: before,
  };
  const failure = await failureOf(async () => {
    await carryOut(input);
    throw new Error('no failure');
  }).catch(() => null);
  return { failure, before, after: kept };
}

describe('what is kept', () => {
  it('is hashed before and after, and is the same bytes', async () => {
    const device = new ArrayFlash();
    const { failure, before, after } = await flashed(device);
    const sha256 = sha256Hex(CALIBRATION);
    expect(failure).toBeNull();
    expect(before).toEqual([
      { name: 'calibration', address: AT, size: 64, algorithm: 'sha256', before: sha256, after: null },
    ]);
    expect(after).toEqual([{ ...before[0], after: sha256 }]);
    expect(device.at(AT, 64)).toEqual(CALIBRATION);
    expect(device.at(0, 200)).toEqual(new Uint8Array(200).fill(0x11));
  });

  it('and is changed all the same fails the unit, says so, and leaves it without its flag', async () => {
    const device = new ArrayFlash();
    // A part whose erase reaches further than its data sheet says.
    device.onCall = (call) => {
      if (call === 'erase') device.at(AT + 63, 1).fill(0xff);
    };
    const { failure, after } = await flashed(device);
    expect(failure).toMatchObject({
      code: 'keep-changed',
      blame: 'unit',
      where: { address: AT },
      params: { name: 'calibration' },
    });
    const now = CALIBRATION.slice().fill(0xff, 63);
    expect(after).toMatchObject([{ before: sha256Hex(CALIBRATION), after: sha256Hex(now) }]);
    expect(device.at(0, 8)).toEqual(new Uint8Array(8).fill(0xff));
  });

  it('is hashed by the unit itself where that is how it proves its images', async () => {
    const device = new ArrayFlash();
    const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
    const hashing: FlashDevice = Object.assign(Object.create(device), {
      digest: { algorithm: 'md5', of: async (address: number, length: number) => md5(device.at(address, length)) },
      read: (address: number, length: number) => device.read(address, length),
      erase: device.erase.bind(device),
      program: device.program.bind(device),
      finish: device.finish.bind(device),
    });
    const { failure, after } = await flashed(device, hashing);
    expect(failure).toBeNull();
    expect(after).toMatchObject([{ algorithm: 'md5', before: md5(CALIBRATION), after: md5(CALIBRATION) }]);
    expect(device.calls.filter((call) => call.startsWith(`read ${AT} `))).toEqual([]);
  });

  it('is not written around when nobody looked at it before', async () => {
    const device = new ArrayFlash();
    const hooks = { beforeChange: async () => undefined, stepStarted() {}, progress() {}, stepFinished() {} };
    const input = { plan: makePlan({ layout }), contents: layout.contents, device, chip: TINY, hooks, io: ioWith() };
    expect(await failureOf(() => carryOut(input))).toMatchObject({ code: 'internal' });
  });
});
