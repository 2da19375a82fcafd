import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '#shared/base/bytes.ts';
import type { RandomBytes } from '#shared/base/clock.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { StationDocument, StationRelease } from '#shared/contract/plant/station-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openReleasePackage, RECIPE_FILE, type ReleasePackage } from '#shared/release/release-package.ts';
import type { PlantSession } from './plant-session.ts';

export interface ReleaseFetching {
  /** $FLASHLINE_HOME/releases: a folder for each, named by its digest. */
  readonly folder: string;
  readonly document: StationDocument;
  readonly session: PlantSession;
  readonly random: RandomBytes;
  readonly signal: AbortSignal;
}

/** The largest package over a slow line. */
const FETCH_MS = 10 * 60_000;

export function releaseFolder(folder: string, digest: string): string {
  return join(folder, digest);
}

/** What the signed document says of a release. Throws `release-withdrawn` for one that is not published. */
export function publishedRelease({ releases }: StationDocument, digest: string): StationRelease {
  const release = releases.find((each) => each.digest === digest);
  if (release === undefined) throw new FlashlineError('release-withdrawn', { params: { release: digest } });
  return release;
}

/** A product's releases by when they were published, then by digest. */
export function newestFirst({ releases }: StationDocument, product: string): StationRelease[] {
  return releases
    .filter((each) => each.product === product)
    .toSorted((a, b) => Date.parse(b.publishedAt) - Date.parse(a.publishedAt) || (a.digest < b.digest ? -1 : 1));
}

export async function isFetched(folder: string, digest: string): Promise<boolean> {
  const found = await stat(join(releaseFolder(folder, digest), RECIPE_FILE)).catch(() => null);
  return found?.isFile() === true;
}

/**
 * Answers the release's folder, which is there whole or not at all. Size, SHA-256 and digest are held against the plant's signed
 * document before anything is kept. Rejects with `plant-untrusted` where they differ.
 */
export async function fetchRelease(fetching: ReleaseFetching, digest: string): Promise<string> {
  const { folder, document, session, signal } = fetching;
  const promised = publishedRelease(document, digest);
  const target = releaseFolder(folder, digest);
  if (await isFetched(folder, digest)) return target;
  const options = { signal, deadlineMs: FETCH_MS, maxBytes: promised.size };
  const bytes = await session.call('station.release', { params: { digest } }, options);
  if (bytes.length !== promised.size || sha256Hex(bytes) !== promised.sha256)
    throw untrusted(`the package of release ${digest} is not the one that the plant signed for`);
  const opened = await openReleasePackage(digest, bytes);
  if (opened.digest !== digest) throw untrusted(`the package holds release ${opened.digest} instead of ${digest}`);
  await unpack(opened, target, fetching);
  return target;
}

async function unpack(
  opened: ReleasePackage,
  target: string,
  { folder, random, signal }: ReleaseFetching,
): Promise<void> {
  const draft = join(folder, `.${opened.digest}.${toHex(random(4))}`);
  try {
    // What a package says of its paths was checked when it was opened: none leads out of it.
    for (const file of new Set([RECIPE_FILE, ...opened.images.map((image) => image.file), ...opened.others])) {
      signal.throwIfAborted();
      await writeDurably(join(draft, file), await opened.file(file));
    }
    await rename(draft, target).catch(async (thrown: unknown) => {
      // Another process was faster, with the same.
      if (!(await isFetched(folder, opened.digest))) throw thrown;
    });
  } catch (thrown) {
    if (thrown instanceof FlashlineError || signal.aborted) throw thrown;
    throw new FlashlineError('log-unwritable', { params: { file: target }, cause: thrown });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function untrusted(detail: string): FlashlineError {
  return new FlashlineError('plant-untrusted', { params: { detail } });
}
