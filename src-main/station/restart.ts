import type { Recipe } from '#shared/model/recipe.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import type { UnitLog } from '../log/log.ts';

/**
 * Whether the run begins with everything instead of what is missing: the recipe asks for that where this unit's last run was
 * broken off.
 */
export async function beginsAnew(
  { restart, product }: Pick<Recipe, 'restart' | 'product'>,
  { serial, probe }: { readonly serial: string; readonly probe: string },
  log: Pick<UnitLog, 'records'>,
): Promise<boolean> {
  if (restart !== 'restart') return false;
  const records = await log.records({ serial, product: product.id, limit: 20 });
  const last = records.find((record) => isSimulated(record) === isSimulated({ probe }));
  return last?.verdict === 'INTERRUPTED';
}
