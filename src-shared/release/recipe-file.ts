import { z } from 'zod';
import { identityFaults } from '../identity/identity-faults.ts';
import { FlashlineError } from '../model/failure.ts';
import { Recipe } from '../model/recipe.ts';
import type { Path } from './schema-words.ts';
import { type ParsedYaml, parseYaml, pathText, type Problem, problemsText } from './yaml-file.ts';

/** A recipe, and where in its file each value stands. */
export type RecipeFile = ParsedYaml<Recipe>;

/**
 * Reads recipe.yaml. Throws `release-newer`, or `recipe-invalid`: `where` points at the first problem, `detail` tells them all (syntax
 * first: while that is wrong, nothing more can be known).
 */
export function readRecipe(file: string, bytes: Uint8Array): RecipeFile {
  const result = parseYaml(bytes, Recipe);
  if (!result.ok) throw recipeNewer(file, bytes) ?? recipeInvalid(file, result.problems);
  const problems = furtherProblems(result.parsed);
  if (problems.length > 0) throw recipeInvalid(file, problems);
  return result.parsed;
}

/** What this version cannot read because it is too old for it: correcting the file would be the wrong advice. */
function recipeNewer(file: string, bytes: Uint8Array): FlashlineError<'release-newer'> | undefined {
  const known = Recipe.shape.schema.value;
  const newer = parseYaml(bytes, z.looseObject({ schema: z.number().int().gt(known) }));
  if (!newer.ok) return undefined;
  const { value, lineOf } = newer.parsed;
  const where = { file, line: lineOf(['schema']), path: 'schema' };
  return new FlashlineError('release-newer', { where, params: { file, what: 'recipe', schema: value.schema, known } });
}

export function recipeInvalid(file: string, problems: readonly Problem[]): FlashlineError<'recipe-invalid'> {
  const [first] = problems;
  return new FlashlineError('recipe-invalid', {
    where: { file, ...(first && { line: first.line }), ...(first?.path ? { path: first.path } : {}) },
    params: { detail: problemsText(problems) },
  });
}

/** What the schema cannot say: what concerns two values, or the world outside of the file. */
function furtherProblems({ value: recipe, lineOf }: RecipeFile): Problem[] {
  const problems: Problem[] = [];
  const report = (path: Path, detail: string) => problems.push({ line: lineOf(path), path: pathText(path), detail });
  recipe.images.forEach(({ role, file }, index) => {
    if (recipe.images.findIndex((other) => other.role === role) < index) {
      report(['images', index, 'role'], `there is already an image with the role ${role}; a role has one image`);
    }
    const fault = pathFault(file);
    if (fault) report(['images', index, 'file'], fault);
    const { keys = [], ...signature } = recipe.images[index]?.signature ?? {};
    for (const [at, key] of keys.entries()) {
      const keyFault = pathFault(key);
      if (keyFault) report(['images', index, 'signature', 'keys', at], keyFault);
    }
    const signatureFault = 'file' in signature ? pathFault(signature.file) : undefined;
    if (signatureFault) report(['images', index, 'signature', 'file'], signatureFault);
    const { by } = recipe.images[index]?.signedPerUnit ?? {};
    const unitKeyFault = by && pathFault(by.publicKey);
    if (unitKeyFault) report(['images', index, 'signedPerUnit', 'by', 'publicKey'], unitKeyFault);
  });
  for (const { path, detail } of identityFaults(recipe)) report(path, detail);
  return problems;
}

/** A release is one folder that can be moved, packed and signed: nothing in it may point out of it. */
function pathFault(file: string): string | undefined {
  if (file.includes('\\')) return 'write the path with / instead of \\, so that every station understands it';
  if (file.startsWith('/') || /^[a-zA-Z]:/.test(file))
    return 'must be a path from the recipe’s folder, not an absolute one';
  if (file.split('/').includes('..')) return 'must stay inside the recipe’s folder: no “..”';
  // oxlint-disable-next-line no-control-regex -- exactly those are looked for
  return /[\u0000-\u001f]/.test(file) ? 'has a control character in it' : undefined;
}
