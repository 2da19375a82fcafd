import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe, RecipeLock } from '#shared/model/recipe.ts';
import type { UnitValues } from './manufacturing/unit-values.ts';

/** Whether a step of no return burns something that is one unit's own. */
export function hasUnitLocks({ locks = [] }: Pick<Recipe, 'locks'>): boolean {
  return locks.some((lock) => lock.step === 'esp-custom-mac' && lock.from !== undefined);
}

/** The recipe with what this unit alone is given. Throws `value-missing`. */
export function withUnitLocks(recipe: Recipe, unit: UnitValues): Recipe {
  if (!recipe.locks || !hasUnitLocks(recipe)) return recipe;
  return { ...recipe, locks: recipe.locks.map((lock) => unitLock(lock, unit)) };
}

function unitLock(lock: RecipeLock, { serial, macs }: UnitValues): RecipeLock {
  if (lock.step !== 'esp-custom-mac' || lock.from === undefined) return lock;
  const [, place = '1'] = lock.from.split('.');
  const mac = macs[Number(place) - 1];
  if (mac === undefined) throw new FlashlineError('value-missing', { params: { source: lock.from, serial } });
  return { step: lock.step, mac };
}
