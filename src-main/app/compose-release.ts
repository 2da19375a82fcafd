import { join } from 'node:path';
import { calculateJwkThumbprint } from 'jose';
import type { SignedBy } from '#shared/model/unit-record.ts';
import type { Enrolment } from '../log/plant-store.ts';
import { fileFailure, nodeFiles } from '../release/files.ts';
import { openFileSource } from '../release/flashpack/file-source.ts';
import { type Flashpack, type OpenOptions, openFlashpack } from '../release/flashpack/open-flashpack.ts';
import { readTrust } from '../release/flashpack/trust-file.ts';
import { judge, requirePermitted } from '../release/flashpack/trust-list.ts';
import { openRelease, type Release } from '../release/open-release.ts';
import { chipsOf, type ChipSources } from './compose-chips.ts';
import { realClock } from './compose-home.ts';

/** Which keys this station's process engineer trusts, and whether releases without a signature may run here. */
export function trustFileOf(home: string): string {
  return join(home, 'keys', 'release-keys.json');
}

export interface OpenedRelease {
  readonly release: Release;
  readonly signedBy: SignedBy;
}

/** A folder, a recipe's file, or a .flashpack that this station trusts. */
export async function openReleaseAt(path: string, sources: ChipSources): Promise<OpenedRelease> {
  const chips = await chipsOf(sources);
  if (!(await isFlashpack(path)))
    return { release: await openRelease(path, { chips, files: nodeFiles }), signedBy: 'unsigned' };
  return withFlashpack(path, { judge: trusting(path, sources.home) }, async ({ recipe, files, signedBy }) => ({
    release: await openRelease(recipe, { chips, files }),
    signedBy,
  }));
}

/** By its name, unless that is a folder's. */
export async function isFlashpack(path: string): Promise<boolean> {
  return path.endsWith('.flashpack') && !(await nodeFiles.isFolder(path).catch(() => false));
}

/** By the list of this home, as it is now. */
export function trusting(file: string, home: string): OpenOptions['judge'] {
  return (signed) => judge(file, signed, readTrust(trustFileOf(home)), new Date(realClock.now()));
}

/** Opens a pack for as long as `work` takes. Rejects with `file-missing`, `file-unreadable`, or as `openFlashpack` does. */
export async function withFlashpack<T>(
  file: string,
  options: OpenOptions,
  work: (pack: Flashpack) => Promise<T>,
): Promise<T> {
  const source = await openFileSource(file).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
  try {
    return await work(await openFlashpack(file, source, options));
  } finally {
    await source.close();
  }
}

/** Asked at every unit: a key that was taken off the list signs nothing from then on. */
export function permitRelease(home: string): (release: string, signedBy: SignedBy) => void {
  return (release, signedBy) =>
    requirePermitted(release, signedBy, readTrust(trustFileOf(home)), new Date(realClock.now()));
}

/** Of a release that came down from the plant: its signed document names it. */
export async function signedByPlant({ plant }: Enrolment): Promise<SignedBy> {
  return { by: 'plant', keyId: await calculateJwkThumbprint(plant.publicKey), name: plant.name };
}
