import type { IoContext } from '#shared/base/clock.ts';
import type { Plan } from '#shared/model/plan.ts';
import { statesAfterRot } from '../plan/after-rot.ts';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { joinLayouts, layOut, type ReleaseImage, surveyRanges } from '../plan/layout.ts';
import { lockOperations } from '../plan/lock-operations.ts';
import { makePlan, plannedImages } from '../plan/make-plan.ts';
import type { PageState } from '../plan/page-state.ts';
import { carryOut } from '../programmer/carry-out.ts';
import type { Replan } from '../programmer/carry-out-rot.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import { digestKept } from '../programmer/kept-regions.ts';
import type { OpenedUnit } from '../programmer/programmer.ts';
import { surveyUnit } from '../programmer/survey-unit.ts';
import { unitImage } from '../release/manufacturing/for-unit.ts';
import { nextToSign, withSignature } from '../release/manufacturing/to-sign.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';
import type { Release } from '../release/open-release.ts';
import { placeImages } from '../release/place-images.ts';
import { imagesForUnit, nextImageToSign, type PerUnit, withSignedImage } from '../release/signature/per-unit.ts';
import { hasUnitLocks, withUnitLocks } from '../release/unit-locks.ts';
import type { Engine } from './engine.ts';

export type OpenFlash = (unit: OpenedUnit, io: IoContext) => Promise<FlashDevice>;

/** A release as the station drives it. */
export function releaseEngine(release: Release, openFlash: OpenFlash, signedBy: SignedBy = 'unsigned'): Engine {
  const { digest, recipe, chip, layout, contents, signers } = release;
  const ranges = surveyRanges(layout);
  const locks = lockOperations(recipe, layout);
  /** What each plan was made of: should kept pages be rotten, the next is made of that. */
  const surveys = new WeakMap<
    Plan,
    { readonly pages: readonly PageState[]; readonly device: FlashDevice | undefined }
  >();
  const plan = (pages: readonly PageState[] = [], device?: FlashDevice): Plan => {
    const canMassErase = device?.eraseAll !== undefined;
    const made = makePlan({ layout, survey: pages, canMassErase, locks });
    surveys.set(made, { pages, device });
    return made;
  };
  const replan: Replan = (old, { pages, operation }) => {
    const { pages: survey = [], device } = surveys.get(old) ?? {};
    return plan(statesAfterRot({ layout, survey, plan: old, pages, operation }), device);
  };
  return {
    release: { digest, recipe, chip, images: plannedImages(layout), signedBy, signers },
    bytesToSurvey: ranges.reduce((sum, range) => sum + range.size, 0),
    openFlash,
    ...forUnit(release, openFlash, signedBy),
    survey: (device, io, progress) => surveyUnit(layout, device, io, progress),
    plan,
    digestKept: (device, io) => digestKept(layout.kept, device, io),
    carryOut: (made, device, hooks, io, { locks: steps, trustKept = false, kept = [] } = {}) =>
      carryOut({ plan: made, contents, device, chip, hooks, io, locks: steps, replan, trustKept, kept }),
  };
}

/** The partition's pages are laid out for each unit, the other images' once for all of them unless one is a unit's own, too. */
function forUnit(
  release: Release,
  openFlash: OpenFlash,
  signedBy: SignedBy,
): Pick<Engine, 'forUnit' | 'issuer' | 'nextToSign' | 'withSignature'> {
  const { unitKeys, issuer, perUnit } = release;
  if (!release.recipe.manufacturing && !hasUnitLocks(release.recipe) && !perUnit) return {};
  return {
    ...(issuer ? { issuer } : {}),
    nextToSign: (unit) => nextToSign(release.recipe, unit, unitKeys) ?? nextImageToSign(release.recipe, unit, perUnit),
    withSignature: (unit, signed, signature) =>
      perUnit && typeof signed.at === 'string'
        ? withSignedImage(perUnit, unit, signed, signature)
        : withSignature(release.recipe, unit, signed, signature),
    forUnit: (unit, fromPlant) => {
      const recipe = withUnitLocks(release.recipe, unit);
      const image = unitImage(recipe, unit, fromPlant);
      const own = perUnit ? withOwnImages(release, perUnit, unit, image) : withPartition(release, image);
      return releaseEngine({ ...own, recipe, contents: own.layout.contents }, openFlash, signedBy);
    },
  };
}

function withPartition(release: Release, image: ReleaseImage | undefined): Release {
  if (!image) return release;
  const layout = joinLayouts(release.layout, layOut(release.chip, [image]));
  return { ...release, images: [...release.images, image], layout };
}

/** An image that differs from unit to unit lies in no more pages than the release has room for: no unit brings a new fault. */
function withOwnImages(
  release: Release,
  perUnit: PerUnit,
  unit: UnitValues,
  partition: ReleaseImage | undefined,
): Release {
  const { recipe, chip } = release;
  const all = [...imagesForUnit(perUnit, unit), ...(partition ? [partition] : [])];
  const { images, kept, faults } = placeImages(recipe, chip, all);
  if (faults.length > 0) throw new Error(faults.map(({ detail }) => detail).join('; '));
  const signers = [...(unit.signedImages ?? [])].map(([role, { by }]) => [role, by] as const);
  return { ...release, images, layout: layOut(chip, images, kept), signers: new Map([...release.signers, ...signers]) };
}
