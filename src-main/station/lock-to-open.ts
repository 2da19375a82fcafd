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

/**
 * Null when the unit is open. Rejects with `chip-protected` or `blocks-protected` when it is not, and the recipe does not
 * say to open it in just this way.
 */
export async function lockToOpen(
  { protection, chip }: Unit,
  recipe: Recipe,
  io: IoContext,
): Promise<LockToOpen | null> {
  const state = await protection?.read(io);
  if (!protection || !state?.locked) return null;
  if (recipe.unlock === (protection.opensBy ?? 'mass-erase')) return { protection, found: state.observed };
  if (protection.opensBy) throw blocksProtected(chip.name, state.observed);
  throw new FlashlineError('chip-protected', { params: { chip: chip.name } });
}

function blocksProtected(chip: string, observed: ProtectionState['observed']): FlashlineError {
  const found = Object.entries(observed).map(([name, value]) => `${name} ${value}`);
  return new FlashlineError('blocks-protected', { params: { chip, found: found.join(', ') } });
}
