import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { Protection, ProtectionState } from '../target/protection/protection.ts';
import type { Unit } from '../target/target.ts';

export interface LockToOpen {
  readonly protection: Protection;
  /** As the unit came. */
  readonly found: ProtectionState['observed'];
}

/** Null when the unit is open. Rejects with `chip-protected` when it is not, and the recipe does not say to erase it. */
export async function lockToOpen(
  { protection, chip }: Unit,
  recipe: Recipe,
  io: IoContext,
): Promise<LockToOpen | null> {
  const state = await protection?.read(io);
  if (!protection || !state?.locked) return null;
  if (recipe.unlock === 'mass-erase') return { protection, found: state.observed };
  throw new FlashlineError('chip-protected', { params: { chip: chip.name } });
}
