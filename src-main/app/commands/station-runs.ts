import { Option } from 'commander';
import { type Failure, FlashlineError, type Verdict } from '#shared/model/failure.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated, type Measurement } from '#shared/model/unit-record.ts';
import type { Station } from '../../station/station.ts';
import { type ComposedStation, composeStation, noSamples } from '../compose.ts';
import { connectorOf } from '../compose-connector.ts';
import { checkProbeUrl } from '../connect/ways.ts';
import { homeFolder } from '../compose-home.ts';
import type { CliContext, ExitCode } from './command.ts';
import { exitCodeOf, failureLines, warningLine } from './outcome.ts';
import { watchOpening } from './watch-opening.ts';

export interface CommandStation {
  readonly release: string;
  readonly slots: readonly { readonly slot: string; readonly probe: string }[];
  /** The bench's virtual seconds to a real one; null for as fast as it can. */
  readonly pace: number | null;
  /** A developer's own risk: see RunServices. */
  readonly trustKept?: boolean;
}

/** The station of one command; says what an earlier run left open. Throws `probe-address` before anything is opened. */
export async function openStation(options: CommandStation, context: CliContext): Promise<ComposedStation> {
  const { release, slots, pace, trustKept = false } = options;
  for (const { probe } of slots) checkProbeUrl(probe);
  const host = await composeStation({
    resources: context.resources,
    home: homeFolder(context.env),
    appVersion: context.appVersion,
    mode: slots.every(isSimulated) ? 'bench' : 'probes',
    release,
    slots: slots.map(({ slot, probe }) => ({ id: slot, name: slot, probe })),
    samples: noSamples,
    autoStart: false,
    trustKept,
    connect: connectorOf({ pace }),
    ...watchOpening(context),
    warn: (failure) => context.say(warningLine(failure, context)),
  });
  for (const record of await host.log.interruptedAtOpening()) {
    context.say(`INTERRUPTED: an earlier run of unit ${record.serial} on slot ${record.slot} did not end.`);
    if (record.failure)
      for (const line of failureLines(record.failure, context.describeFailure(record.failure))) context.say(line);
  }
  return host;
}

export interface UnitOnSlot {
  readonly slot: string;
  /** Null: the next that the recipe's counter, list or pool gives. */
  readonly serial: string | null;
  readonly rework: boolean;
  readonly scans?: Readonly<Record<string, string>>;
  readonly results?: readonly Measurement[];
}

export interface UnitEnd {
  readonly verdict: Verdict | null;
  /** Why there was no run at all. */
  readonly refused: Failure | null;
  readonly finished: Extract<RunEvent, { type: 'run.finished' }> | null;
  readonly code: ExitCode;
}

/** Puts a unit into its slot and runs it to its end; an abort of the context's signal aborts the run. Never rejects. */
export async function runUnit(
  station: Station,
  { slot, serial, rework, scans = {}, results = [] }: UnitOnSlot,
  onEvent: (event: RunEvent) => void,
  context: CliContext,
): Promise<UnitEnd> {
  const scan = serial === null ? await station.nextUnit({ slot }) : station.scan({ code: serial, slot });
  if (scan.outcome === 'refused') {
    const { failure } = scan;
    return { verdict: null, refused: failure, finished: null, code: exitCodeOf('ERROR', failure) };
  }
  if (serial === null && scan.outcome === 'accepted') context.say(givenLine(scan.serial, station));
  const ends: Extract<RunEvent, { type: 'run.finished' }>[] = [];
  const hear = (event: RunEvent) => {
    if (event.type === 'run.finished') ends.push(event);
    onEvent(event);
  };
  const { verdict } = await station.runSlot({ slot, rework, scans, results }, context.signal, hear);
  const [finished = null] = ends;
  const failure = finished?.code && finished.blame ? { code: finished.code, blame: finished.blame } : null;
  return { verdict, refused: null, finished, code: exitCodeOf(verdict, failure) };
}

function givenLine(serial: string, station: Station): string {
  const left = station.state().release?.serials?.left ?? null;
  return `Serial ${serial} was given to this board.${left === null ? '' : ` ${left} are left.`}`;
}

export function benchPaceOption(): Option {
  return new Option(
    '--bench-pace <factor>',
    "the bench's virtual seconds to a real one; without it, as fast as this computer can",
  );
}

export function paceOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const factor = Number(text);
  if (factor > 0 && factor < Infinity) return factor;
  throw new FlashlineError('usage', { params: { detail: `--bench-pace is a number above 0, not ${text}` } });
}
