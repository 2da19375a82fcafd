import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { RunRequest } from './run-opening.ts';

/**
 * What a functional test measured of the unit before, as the recipe asks for it: said before the probe is touched. Throws `value-missing`,
 * or `value-unsuited` where a value is in another unit: a thousand times too much is worse than nothing.
 */
export function requireResults(
  { serial, results = [] }: Pick<RunRequest, 'serial' | 'results'>,
  { results: wanted = [] }: Pick<Recipe, 'results'>,
): void {
  for (const { name, unit } of wanted) {
    const source = `test.${name}`;
    const found = results.filter((each) => each.name === name);
    const [result] = found;
    if (!result) throw new FlashlineError('value-missing', { params: { source, serial } });
    if (found.length > 1) throw unsuited(source, 'it is there twice');
    if (result.unit !== unit)
      throw unsuited(source, `it is ${inWords(result.unit)}, the recipe wants ${inWords(unit)}`);
  }
}

function inWords(unit: string): string {
  return unit === '' ? 'a plain number' : `in ${unit}`;
}

function unsuited(field: string, detail: string): FlashlineError {
  return new FlashlineError('value-unsuited', { params: { field, detail } });
}
