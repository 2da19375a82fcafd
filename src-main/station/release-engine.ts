import type { IoContext } from '#shared/base/clock.ts';
import { surveyRanges } from '../plan/layout.ts';
import { lockOperations } from '../plan/lock-operations.ts';
import { makePlan, plannedImages } from '../plan/make-plan.ts';
import { carryOut } from '../programmer/carry-out.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import type { OpenedUnit } from '../programmer/programmer.ts';
import { surveyUnit } from '../programmer/survey-unit.ts';
import type { Release } from '../release/open-release.ts';
import type { Engine } from './engine.ts';

export type OpenFlash = (unit: OpenedUnit, io: IoContext) => Promise<FlashDevice>;

/** A release as the station drives it. */
export function releaseEngine(release: Release, openFlash: OpenFlash): Engine {
  const { digest, recipe, chip, layout, contents } = release;
  const ranges = surveyRanges(layout);
  const locks = lockOperations(recipe, layout);
  return {
    release: { digest, recipe, chip, images: plannedImages(layout) },
    bytesToSurvey: ranges.reduce((sum, range) => sum + range.size, 0),
    openFlash,
    survey: (device, io, progress) => surveyUnit(layout, device, io, progress),
    plan: (pages = [], device) =>
      makePlan({ layout, survey: pages, canMassErase: device?.eraseAll !== undefined, locks }),
    carryOut: (plan, device, hooks, io, steps) => carryOut({ plan, contents, device, chip, hooks, io, locks: steps }),
  };
}
