import { dirname, join, relative, sep } from 'node:path';
import type { Where } from '#shared/model/failure.ts';
import { RECIPE_FILE } from '#shared/release/manifest.ts';
import { recipeInvalid } from '#shared/release/recipe-file.ts';
import { MAX_IMAGE_BYTES } from '#shared/release/zip-files.ts';
import { type Files, fileFailure } from './files.ts';

/** The recipe's file of what a user names: a folder that holds one, or that file. */
export async function recipeFileOf(path: string, files: Files): Promise<string> {
  const isFolder = await files.isFolder(path).catch((error: unknown) => {
    throw fileFailure(path, { file: path }, error);
  });
  return isFolder ? join(path, RECIPE_FILE) : path;
}

/** Reads an image that the recipe names. A symbolic link may not lead out of the recipe's folder either. */
export async function readInside(
  recipeFile: string,
  name: string,
  where: Where,
  files: Files,
  most = MAX_IMAGE_BYTES,
): Promise<Uint8Array> {
  const folder = dirname(recipeFile);
  let real: string;
  let inside: string;
  try {
    real = await files.realPath(join(folder, name));
    inside = relative(await files.realPath(folder), real);
  } catch (error) {
    throw fileFailure(name, where, error);
  }
  if (inside === '..' || inside.startsWith(`..${sep}`) || inside === real) {
    const detail = `${name} is a link that leads out of the recipe’s folder`;
    throw recipeInvalid(recipeFile, [{ line: where.line ?? 1, path: where.path ?? '', detail }]);
  }
  return files.read(real, most).catch((error: unknown) => {
    throw fileFailure(name, where, error);
  });
}
