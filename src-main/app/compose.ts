import type { Sample, StationState } from '#shared/contract/station.ts';
import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import { HeadSigner, signAfterFinish } from '../log/head-signer.ts';
import type { NumberBook, UnitLog } from '../log/log.ts';
import type { Enrolment } from '../log/plant-store.ts';
import type { Engine } from '../station/engine.ts';
import type { SlotOptions } from '../station/options.ts';
import type { PlantRules } from '../station/plant-rules.ts';
import { serialsLeft } from '../station/next-serial.ts';
import { releaseEngine } from '../station/release-engine.ts';
import { Station } from '../station/station.ts';
import type { Troubles } from '../station/troubles.ts';
import type { Sync } from '../sync/sync.ts';
import type { Connector } from '../programmer/programmer.ts';
import { type ChipSources, openFlashOf } from './compose-chips.ts';
import { noSeal, type StationKey, stationKey } from './compose-key.ts';
import { openReleaseAt, permitRelease, signedByPlant, unsignedHere } from './compose-release.ts';
import { openPlantRules, openSync } from './compose-sync.ts';
import { StationSettings } from './station-settings.ts';
import { choosePlantRelease, isFromPlant, isPlantRelease } from './plant-release.ts';
import {
  failureTexts,
  type OpeningWatch,
  openStoresOf,
  realClock,
  realRandom,
  type StationLog,
  type Stores,
  workplace,
} from './compose-home.ts';

/** `signal` also ends what waits for the plant while the station is put together. */
export interface StationComposition extends OpeningWatch {
  /** The folder of chip descriptions, locales and demo releases. */
  readonly resources: string;
  /** Where the log is (compose-home.ts: homeFolder). */
  readonly home: string;
  readonly appVersion: string;
  readonly mode: StationState['mode'];
  /** Path of the release to run, or `plant:<product>`; null for none yet. */
  readonly release: string | null;
  readonly slots: readonly SlotOptions[];
  /** What the screens offer to try: read from the log, for the release's product. */
  readonly samples: (log: UnitLog, product: string) => Promise<readonly Sample[]>;
  readonly autoStart: boolean;
  /** A developer's own risk (RunServices); rejects with `reflash-in-production` where the station has a plant. */
  readonly trustKept?: boolean;
  readonly connect: Connector;
  /** Left out: opened here. They are closed with the station; where it cannot be put together, by whoever opened them. */
  readonly stores?: Stores;
  /** Left out: in a file, without the operating system's key store. */
  readonly key?: StationKey;
  /** Failures that change no verdict. */
  readonly warn: (failure: Failure) => void;
  /** Those of them that screens show. */
  readonly troubles?: Troubles;
}

export interface ComposedStation {
  readonly station: Station;
  readonly log: StationLog;
  /** What is not in the log: archives, gaps. */
  readonly safety: Stores['safety'];
  readonly engine: Engine | null;
  /** Its visits to the plant begin with `start`. */
  readonly sync: Sync;
  /** As they were at the opening: looked at again by `refresh` and `watch`. */
  readonly settings: StationSettings;
  /** Aborts what runs, waits for its end, and closes the log. */
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;

/** Nobody can stop it. */
const NEVER = new AbortController().signal;

export const noSamples = (): Promise<readonly Sample[]> => Promise.resolve([]);

/** Puts a station together; rejects with a release's or the log's failure, having closed what it opened. */
export async function composeStation(options: StationComposition): Promise<ComposedStation> {
  const { home, release, warn, appVersion } = options;
  const key = options.key ?? stationKey(home, realRandom, noSeal);
  const named = release === null || isPlantRelease(release) ? null : await openEngine(release, options, key);
  const stores = options.stores ?? (await openStoresOf(home, warn, options));
  const closing: (() => void | Promise<void>)[] = [() => stores.log.close()];
  const close = async () => {
    for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
  };
  try {
    let running: Engine | null = named;
    const settings = await StationSettings.open(stores.settings);
    const sync = await openSync({ stores, key, appVersion, warn, release: () => factsOf(running) });
    closing.push(() => sync.close());
    const path = isPlantRelease(release)
      ? await choosePlantRelease(release, { home, sync, warn, signal: options.signal ?? NEVER })
      : release;
    const fromPlant = path !== null && isFromPlant(path, home);
    const opened = path === null ? null : (named ?? (await openEngine(path, options)));
    const engine = opened && fromPlant && sync.book !== null ? await byPlant(opened, sync.book.enrolment) : opened;
    running = engine;
    const signing = new HeadSigner({ heads: stores.heads, signer: () => key.signer(), clock: realClock, warn });
    closing.push(() => signing.settled());
    // What an earlier process left unsigned.
    signing.headMoved();
    let station: Station | null = null;
    const plant = await openPlantRules(sync, stores, { fromPlant, changed: () => station?.plantChanged() });
    closing.push(() => plant.close());
    const { log, numbers } = stores;
    station = await makeStation(options, { engine, plant, sync, log, numbers, signing, settings });
    const made = station;
    closing.push(() => made.close());
    return { station, log, safety: stores.safety, engine, sync, settings, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

interface StationParts {
  readonly engine: Engine | null;
  readonly plant: PlantRules;
  readonly sync: Sync;
  readonly log: StationLog;
  readonly numbers: NumberBook;
  readonly signing: HeadSigner;
  readonly settings: StationSettings;
}

async function makeStation(
  options: StationComposition,
  { engine, plant, sync, log, numbers, signing, settings }: StationParts,
): Promise<Station> {
  const here = workplace();
  const { trustKept = false } = options;
  if (trustKept && sync.book !== null) throw new FlashlineError('reflash-in-production');
  return new Station({
    ...here,
    // As the plant knows it, where there is one.
    station: sync.book?.enrolment.station ?? here.station,
    engine,
    plant,
    log: signAfterFinish(log, signing),
    numbers,
    mode: options.mode,
    slots: options.slots,
    samples: engine === null ? [] : await options.samples(log, engine.release.recipe.product.id),
    autoStart: options.autoStart,
    serialsLeft:
      engine === null ? null : await serialsLeft(engine.release.recipe, numbers, options.slots.every(isSimulated)),
    trustKept,
    // Each run reads it anew.
    get lockReleaseMs() {
      return settings.values['locks.wait'] * MINUTE_MS;
    },
    screen: () => ({ language: settings.values['screen.language'], sound: settings.values['screen.sound'] }),
    connect: options.connect,
    warn: options.warn,
    ...(options.troubles ? { troubles: options.troubles } : {}),
    interrupted: await log.unacknowledged(),
    appVersion: options.appVersion,
    permitRelease: permitRelease(options.home, () => sync.book !== null),
    unsigned: unsignedHere(options.home, () => sync.book !== null),
    wallClock: realClock,
    random: realRandom,
    describeFailure: failureTexts(options.resources),
  });
}

function factsOf(engine: Engine | null): { readonly digest: string; readonly product: string } | null {
  return engine && { digest: engine.release.digest, product: engine.release.recipe.product.id };
}

/** `key`: the station's, for packs that are encrypted; left out: in a file, without the operating system's key store. */
export async function openEngine(path: string, sources: ChipSources, key?: StationKey): Promise<Engine> {
  const { release, signedBy } = await openReleaseAt(path, sources, key);
  return releaseEngine(release, openFlashOf(sources), signedBy);
}

/** What came down from the plant carries no signature of its own: the plant's signed document names it, or it does not run. */
async function byPlant(engine: Engine, enrolment: Enrolment): Promise<Engine> {
  return { ...engine, release: { ...engine.release, signedBy: await signedByPlant(enrolment) } };
}
