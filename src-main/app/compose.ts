import type { Sample, StationState } from '#shared/contract/station.ts';
import type { Failure } from '#shared/model/failure.ts';
import { HeadSigner, signAfterFinish } from '../log/head-signer.ts';
import type { UnitLog } from '../log/log.ts';
import { nodeFiles } from '../release/files.ts';
import { openRelease } from '../release/open-release.ts';
import type { Engine } from '../station/engine.ts';
import type { SlotOptions } from '../station/options.ts';
import { releaseEngine } from '../station/release-engine.ts';
import { Station } from '../station/station.ts';
import type { Connector } from '../target/target.ts';
import { chipsOf, type ChipSources, openFlashOf } from './compose-chips.ts';
import { noSeal, type StationKey, stationKey } from './compose-key.ts';
import { failureTexts, openStoresOf, realClock, realRandom, type StationLog, workplace } from './compose-home.ts';

export interface StationComposition {
  /** The folder of chip descriptions, locales and demo releases. */
  readonly resources: string;
  /** Where the log is (compose-home.ts: homeFolder). */
  readonly home: string;
  readonly appVersion: string;
  readonly mode: StationState['mode'];
  /** Path of the release to run; null for none yet. */
  readonly release: string | null;
  readonly slots: readonly SlotOptions[];
  /** What the screens offer to try: read from the log, for the release's product. */
  readonly samples: (log: UnitLog, product: string) => Promise<readonly Sample[]>;
  readonly autoStart: boolean;
  readonly connect: Connector;
  /** Left out: in a file, without the operating system's key store. */
  readonly key?: StationKey;
  /** Failures that change no verdict. */
  readonly warn: (failure: Failure) => void;
}

export interface ComposedStation {
  readonly station: Station;
  readonly log: StationLog;
  readonly engine: Engine | null;
  /** Aborts what runs, waits for its end, and closes the log. */
  close(): Promise<void>;
}

export const noSamples = (): Promise<readonly Sample[]> => Promise.resolve([]);

/** Puts a station together; rejects with a release's or the log's failure, having closed what it opened. */
export async function composeStation(options: StationComposition): Promise<ComposedStation> {
  const { resources, home, release } = options;
  const engine = release === null ? null : await openEngine(release, { resources, home });
  const { log, heads } = await openStoresOf(home, options.warn);
  const key = options.key ?? stationKey(home, realRandom, noSeal);
  const signing = new HeadSigner({ heads, signer: () => key.signer(), clock: realClock, warn: options.warn });
  try {
    // What an earlier process left unsigned.
    signing.headMoved();
    const station = new Station({
      ...workplace(),
      engine,
      log: signAfterFinish(log, signing),
      mode: options.mode,
      slots: options.slots,
      samples: engine === null ? [] : await options.samples(log, engine.release.recipe.product.id),
      autoStart: options.autoStart,
      connect: options.connect,
      warn: options.warn,
      interrupted: await log.unacknowledged(),
      appVersion: options.appVersion,
      wallClock: realClock,
      random: realRandom,
      describeFailure: failureTexts(resources),
    });
    const close = async () => {
      await station.close();
      await signing.settled();
      await log.close();
    };
    return { station, log, engine, close };
  } catch (thrown) {
    await signing.settled();
    await log.close();
    throw thrown;
  }
}

export async function openEngine(release: string, sources: ChipSources): Promise<Engine> {
  const opened = await openRelease(release, { chips: await chipsOf(sources), files: nodeFiles });
  return releaseEngine(opened, openFlashOf(sources));
}
