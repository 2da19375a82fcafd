import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Plan, PlannedImage } from '#shared/model/plan.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { KeptDigest, SignedBy } from '#shared/model/unit-record.ts';
import type { PageState } from '../plan/page-state.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { CarryOutHooks, Outcome } from '../programmer/carry-out-input.ts';
import type { FlashDevice } from '../programmer/flash-device.ts';
import type { LockSteps } from '../programmer/lock-steps.ts';
import type { OpenedUnit } from '../programmer/programmer.ts';
import type { Release } from '../release/open-release.ts';
import type { Issuer } from '../release/manufacturing/device-certificate.ts';
import type { ToSign } from '../release/manufacturing/to-sign.ts';
import type { UnitValues } from '../release/manufacturing/unit-values.ts';

/** What the station shows and records of the release that it runs. */
export interface ReleaseFacts {
  /** SHA-256 over the recipe and its images. */
  readonly digest: string;
  readonly recipe: Recipe;
  readonly chip: ChipDescription;
  readonly images: readonly PlannedImage[];
  readonly signedBy: SignedBy;
  /** Who signed them, as far as the recipe asks. */
  readonly signers: Release['signers'];
}

/**
 * One release, made ready to be put into units: what the station's run drives. The station owns order, journal
 * and verdict; what an operation does to a chip is behind this.
 */
export interface Engine {
  readonly release: ReleaseFacts;
  /** What a survey's progress counts up to. */
  readonly bytesToSurvey: number;
  openFlash(unit: OpenedUnit, io: IoContext): Promise<FlashDevice>;
  /**
   * This engine with the unit's manufacturing partition, and images that are signed for it, among its images; absent where it has none. Throws `value-missing`,
   * `value-unsuited`, `nvs-invalid` or `plant-data-missing`.
   */
  forUnit?(unit: UnitValues, fromPlant?: Uint8Array): Engine;
  /** Who issues a certificate for each unit; absent where nobody does. */
  readonly issuer?: Issuer;
  /** What of the unit's partition or images is still to be signed; null when nothing is. Absent where the recipe has nothing signed. */
  nextToSign?(unit: UnitValues): ToSign | null;
  withSignature?(unit: UnitValues, signed: ToSign, signature: Uint8Array): UnitValues;
  /** States of the pages that the release touches. */
  survey(device: FlashDevice, io: IoContext, progress: Progress): Promise<readonly PageState[]>;
  /** What the regions hold that the recipe keeps, before anything is changed. */
  digestKept(device: FlashDevice, io: IoContext): Promise<readonly KeptDigest[]>;
  /** Without page states: every touched page is erased and programmed (a dry run). `device` is what will carry it out. */
  plan(pages?: readonly PageState[], device?: FlashDevice): Plan;
  carryOut(
    plan: Plan,
    device: FlashDevice,
    hooks: CarryOutHooks,
    io: IoContext,
    options?: CarryOutOptions,
  ): Promise<Outcome>;
}

export interface CarryOutOptions {
  /** The unit's steps of no return, where it has some. */
  readonly locks?: LockSteps | undefined;
  /** Pages that the plan keeps are not read back: a developer's own risk, never a product's. */
  readonly trustKept?: boolean;
  /** What `digestKept` found. */
  readonly kept?: readonly KeptDigest[];
}
