import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { SlotState, Sample, StationState } from '#shared/contract/station.ts';
import type { Failure } from '#shared/model/failure.ts';
import type { SignedBy, UnitRecord } from '#shared/model/unit-record.ts';
import type { NumberBook, UnitLog } from '../log/log.ts';
import type { UnsignedRule } from '../release/flashpack/trust-list.ts';
import type { Connector } from '../programmer/programmer.ts';
import type { Engine } from './engine.ts';
import type { LockReleases } from './lock-release.ts';
import type { PlantRules } from './plant-rules.ts';
import type { Troubles } from './troubles.ts';

export interface SlotOptions {
  readonly id: string;
  /** What the fixture's label says. */
  readonly name: string;
  readonly probe: string;
}

/** A failure in words, in the language of records and of the command line (English). */
export interface FailureText {
  readonly message: string;
  readonly remedy: string;
}

/** What every run is handed, whichever slot it is in. */
export interface RunServices {
  readonly connect: Connector;
  readonly log: UnitLog;
  /** Counters and lists of this station; without it recipes that need them are refused. */
  readonly numbers?: NumberBook;
  /** Real time: for records, tear-down's deadline and double scans; a run's durations are its connection's clock's. */
  readonly wallClock: Clock;
  readonly random: RandomBytes;
  readonly station: string;
  readonly operator: string;
  readonly appVersion: string;
  /** Left out: a station without a plant. Never asked about units of the bench. */
  readonly plant?: PlantRules;
  /** A developer's own risk, of a station without a plant: pages that are kept are not read back, and the record says so. */
  readonly trustKept?: boolean;
  /** Throws where a release may not run on a real unit now (release/flashpack/trust-list.ts); left out: every one may. */
  readonly permitRelease?: (release: string, signedBy: SignedBy) => void;
  /** What becomes of a release that nobody signed; never throws. Left out: nothing is known. */
  readonly unsigned?: () => UnsignedRule;
  /** Where boards wait whose locks a badge releases; the station's, which hears the scans. Without it nobody releases one. */
  readonly lockReleases?: LockReleases;
  /** How long such a board waits; 10 minutes when left out. */
  readonly lockReleaseMs?: number;
  readonly describeFailure: (failure: Failure) => FailureText;
  /** Failures that change no verdict (tear-down after the verdict, a listener that throws); for the station's log. */
  readonly warn: (failure: Failure) => void;
}

export interface StationOptions extends RunServices {
  readonly mode: StationState['mode'];
  readonly slots: readonly SlotOptions[];
  readonly samples: readonly Sample[];
  /** Null: the station has no release yet; it refuses scans and says so. */
  readonly engine: Engine | null;
  readonly autoStart: boolean;
  /** What screens go by where nobody chose; asked whenever the state is told. Left out: by their own. */
  readonly screen?: () => NonNullable<StationState['screen']>;
  /** Serials that the station can give (next-serial.ts: serialsLeft); null where it cannot know. */
  readonly serialsLeft?: number | null;
  /** Records of interrupted runs that nobody has acknowledged yet (UnitLog.unacknowledged). */
  readonly interrupted: readonly UnitRecord[];
  /** Left out: nobody is told on screen. */
  readonly troubles?: Pick<Troubles, 'list' | 'seen'>;
}

/** Told after the fact; what a listener does or throws changes nothing in the station. */
export interface StationListener {
  slotChanged(slot: SlotState): void;
  stationChanged(station: StationState): void;
}
