import { resolve, sep } from 'node:path';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { StationDocument } from '#shared/contract/plant/station-api.ts';
import { fetchRelease, isFetched, newestFirst, releaseFolder } from '../sync/releases.ts';
import type { Sync } from '../sync/sync.ts';
import { realRandom } from './compose-home.ts';
import { releasesFolder } from './compose-sync.ts';

const BY_PRODUCT = 'plant:';

/** `plant:<product>`: the newest release that the plant publishes for it. */
export function isPlantRelease(release: string | null): release is string {
  return release?.startsWith(BY_PRODUCT) === true;
}

/** Whether this path is of a release that came down from the plant. */
export function isFromPlant(path: string, home: string): boolean {
  return resolve(path).startsWith(resolve(releasesFolder(home)) + sep);
}

export interface PlantReleaseChoice {
  readonly home: string;
  readonly sync: Sync;
  readonly signal: AbortSignal;
  readonly warn: (failure: Failure) => void;
}

/**
 * The folder of the newest published release of a product, fetched where it is not here yet. With the plant out of reach the
 * newest that is here and still published does, and it is said. Rejects with `not-enrolled`, `no-release`, or what kept it
 * from coming.
 */
export async function choosePlantRelease(release: string, choice: PlantReleaseChoice): Promise<string> {
  const product = release.slice(BY_PRODUCT.length);
  const { sync, signal, home, warn } = choice;
  if (sync.book === null) throw new FlashlineError('not-enrolled');
  await sync.now(signal);
  const document = requireDocument(sync);
  const [newest, ...older] = newestFirst(document, product);
  if (newest === undefined)
    throw new FlashlineError('no-release', { cause: `the plant has published nothing for ${product}` });
  try {
    return await fetchPlantRelease(newest.digest, choice);
  } catch (thrown) {
    const failure = toFailure(thrown);
    if (failure.code !== 'plant-unreachable') throw thrown;
    warn(failure);
    for (const { digest } of older)
      if (await isFetched(releasesFolder(home), digest)) return releaseFolder(releasesFolder(home), digest);
    throw thrown;
  }
}

/** The folder of a published release. Rejects with `not-enrolled`, `release-withdrawn`, `plant-untrusted`, `plant-unreachable`. */
export async function fetchPlantRelease(
  digest: string,
  { sync, home, signal }: Pick<PlantReleaseChoice, 'sync' | 'home' | 'signal'>,
): Promise<string> {
  const document = requireDocument(sync);
  return fetchRelease(
    { folder: releasesFolder(home), document, session: sync.session(), random: realRandom, signal },
    digest,
  );
}

function requireDocument({ book }: Sync): StationDocument {
  if (book === null) throw new FlashlineError('not-enrolled');
  if (book.document !== null) return book.document;
  throw new FlashlineError('plant-unreachable', { params: { url: book.enrolment.url } });
}
