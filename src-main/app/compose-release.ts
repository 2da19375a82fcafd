import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint } from 'jose';
import { SettingValues } from '#shared/model/settings.ts';
import type { SignedBy } from '#shared/model/unit-record.ts';
import { MAX_PACKAGE_BYTES, packageInvalid, type RandomAccess, type ZipSource } from '#shared/release/zip-files.ts';
import type { Enrolment } from '../log/plant-store.ts';
import { fileFailure, nodeFiles } from '../release/files.ts';
import { openFileSource } from '../release/flashpack/file-source.ts';
import { type Flashpack, type OpenOptions, openFlashpack } from '../release/flashpack/open-flashpack.ts';
import { isSealed, SEALED_EXTRA_BYTES, SEALED_HEAD_BYTES, unsealPack } from '../release/flashpack/sealing.ts';
import { readTrust, writeTrust } from '../release/flashpack/trust-file.ts';
import {
  judge,
  NO_TRUST,
  NOT_SET_UP,
  requirePermitted,
  unsignedAnswer,
  type UnsignedRule,
  unsignedRule,
  withUnsigned,
} from '../release/flashpack/trust-list.ts';
import { openRelease, type Release } from '../release/open-release.ts';
import { chipsOf, type ChipSources } from './compose-chips.ts';
import { realClock, realRandom } from './compose-home.ts';
import type { SettingPlace } from './station-settings.ts';
import { identityFileOf, noSeal, type StationKey, stationKey } from './compose-key.ts';

/** Which keys this station's process engineer trusts, and whether releases without a signature may run here. */
export function trustFileOf(home: string): string {
  return join(home, 'keys', 'release-keys.json');
}

export interface OpenedRelease {
  readonly release: Release;
  readonly signedBy: SignedBy;
}

/** A folder, a recipe's file, or a .flashpack that this station trusts. */
export async function openReleaseAt(path: string, sources: ChipSources, key?: StationKey): Promise<OpenedRelease> {
  const chips = await chipsOf(sources);
  if (!(await isFlashpack(path)))
    return { release: await openRelease(path, { chips, files: nodeFiles }), signedBy: 'unsigned' };
  const { home } = sources;
  return withFlashpack(path, { judge: trusting(path, home), home, key }, async ({ recipe, files, signedBy }) => ({
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

interface PackOptions extends OpenOptions {
  /** Where the station's own keys are. */
  readonly home: string;
  /** Left out: in a file, without the operating system's key store. */
  readonly key?: StationKey | undefined;
}

/** A pack that is encrypted is decrypted in memory: nothing of it is ever on a disk in the clear. */
async function unsealed(file: string, source: RandomAccess, { home, key }: PackOptions): Promise<ZipSource> {
  const head = await source.read(0, Math.min(source.size, SEALED_HEAD_BYTES));
  if (!isSealed(head)) return source;
  if (source.size > MAX_PACKAGE_BYTES + SEALED_EXTRA_BYTES)
    throw packageInvalid(file, `it is larger than ${MAX_PACKAGE_BYTES} bytes`);
  const keys = key ?? stationKey(home, realRandom, noSeal);
  const identity = existsSync(identityFileOf(home)) ? (await keys.identity()).secret : null;
  return unsealPack(file, await source.read(0, source.size), identity);
}

/** Opens a pack for as long as `work` takes. Rejects with `file-missing`, `file-unreadable`, or as `openFlashpack` does. */
export async function withFlashpack<T>(
  file: string,
  options: PackOptions,
  work: (pack: Flashpack) => Promise<T>,
): Promise<T> {
  const source = await openFileSource(file).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
  try {
    return await work(await openFlashpack(file, await unsealed(file, source, options), options));
  } finally {
    await source.close();
  }
}

/**
 * Asked at every unit: a key that was taken off the list signs nothing from then on. A station of a plant has been set up, by
 * whoever bound it.
 */
export function permitRelease(home: string, isBound: () => boolean): (release: string, signedBy: SignedBy) => void {
  return (release, signedBy) => {
    const list = readTrust(trustFileOf(home));
    const counts = list === NOT_SET_UP && isBound() ? NO_TRUST : list;
    requirePermitted(release, signedBy, counts, new Date(realClock.now()));
  };
}

/** What becomes of a release that nobody signed. Never throws: with a list that cannot be read none runs. */
export function unsignedHere(home: string, isBound: () => boolean): () => UnsignedRule {
  return () => {
    try {
      return unsignedRule(readTrust(trustFileOf(home)), isBound());
    } catch {
      return { rule: 'refused', by: null, at: null };
    }
  };
}

/** The setting `release.unsigned` is kept with the keys: whoever reads them has it, too. */
export function unsignedPlace(home: string): SettingPlace {
  const file = trustFileOf(home);
  return {
    read() {
      const { answer, said } = unsignedAnswer(readTrust(file));
      return { text: answer, by: said?.by ?? null, at: said?.at ?? null };
    },
    write({ value, by, at }) {
      const answer = SettingValues.shape['release.unsigned'].parse(value);
      writeTrust(file, withUnsigned(readTrust(file), answer, { by, at }), realRandom);
    },
  };
}

/** Of a release that came down from the plant: its signed document names it. */
export async function signedByPlant({ plant }: Enrolment): Promise<SignedBy> {
  return { by: 'plant', keyId: await calculateJwkThumbprint(plant.publicKey), name: plant.name };
}
