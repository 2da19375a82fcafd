import { createHash } from 'node:crypto';
import { join, relative, sep } from 'node:path';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { RECIPE_FILE } from '#shared/release/manifest.ts';
import { openReleasePackage, type ReleasePackage, type SignedManifest } from '#shared/release/release-package.ts';
import type { ZipSource } from '#shared/release/zip-files.ts';
import type { Files } from '../files.ts';

/** A pack that was proven to be what it says, and by whom it is signed. */
export interface Flashpack {
  readonly pack: ReleasePackage;
  readonly signedBy: SignedBy;
  /** Its recipe's path among `files`. */
  readonly recipe: string;
  /** Its parts, as if the pack were a folder of its own name. */
  readonly files: Files;
}

export interface OpenOptions {
  /** By whom it is signed; throws for a signature that is not good enough. */
  readonly judge: (signed: SignedManifest) => Promise<SignedBy>;
}

/** Nothing of the pack is written anywhere. Rejects as `openReleasePackage` does, and with what `judge` throws. */
export async function openFlashpack(name: string, source: ZipSource, { judge }: OpenOptions): Promise<Flashpack> {
  let signedBy: SignedBy = 'unsigned';
  const pack = await openReleasePackage(name, source, {
    sha256: () => createHash('sha256'),
    needsManifest: true,
    async admit(signed) {
      signedBy = await judge(signed);
    },
  });
  return { pack, signedBy, recipe: join(name, RECIPE_FILE), files: filesOf(name, pack) };
}

function filesOf(name: string, pack: ReleasePackage): Files {
  return {
    read: async (path) => pack.file(relative(name, path).split(sep).join('/')),
    isFolder: async () => false,
    list: async () => [],
    // There are no links in a pack.
    realPath: async (path) => path,
  };
}
