import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, releaseOption } from './command.ts';
import { requireNoBadge } from './lock-badge.ts';
import { exitCodeOf, failureLines, reportFailure } from './outcome.ts';
import { jsonRun, secondsOf } from './show-run.ts';
import { benchPaceOption, openStation, paceOf, runUnit, type UnitEnd } from './station-runs.ts';

interface GangOptions extends CommonOptions {
  readonly release: string;
  readonly serials: string;
  readonly probes: string;
  readonly rework?: boolean;
  readonly benchPace?: string;
}

interface GangSlot {
  readonly slot: string;
  readonly serial: string;
  readonly probe: string;
}

export function gangCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('gang', 'puts a release into several units at once, each on a slot and a probe of its own', [
    'gang --release resources/demo/hello-nrf52840 --serials HB000001,HB000002 --probes bench:nrf52840,bench:nrf52840',
    'gang --release my-product --serials HB000003,HB000004 --probes cmsis-dap:@1-2.1,cmsis-dap:@1-2.2 --json',
  ])
    .addOption(releaseOption().makeOptionMandatory())
    .requiredOption('--serials <list>', "the units' serials, separated by commas")
    .requiredOption('--probes <list>', 'a probe for each of them, in the same order; slots count from 1')
    .option('--rework', 'also units that already passed')
    .addOption(benchPaceOption())
    .action(async (options: GangOptions) => end(await gang(options, context)));
}

async function gang(options: GangOptions, context: CliContext): Promise<ExitCode> {
  const units = unitsOf(options);
  const host = await openStation({ release: options.release, slots: units, pace: paceOf(options.benchPace) }, context);
  try {
    requireNoBadge(host);
    const ends = await Promise.all(
      units.map(async ({ slot, serial }) => {
        const show = options.json ? jsonRun(context) : slotLines(slot, serial, context);
        const end = await runUnit(host.station, { slot, serial, rework: options.rework === true }, show, context);
        if (end.refused) reportFailure(end.refused, options.json === true, context);
        return end;
      }),
    );
    if (!options.json) for (const line of tableOf(units, ends, context)) context.print(line);
    return worstOf(ends);
  } finally {
    await host.close();
  }
}

/** One slot a unit, counted from 1. Throws `usage` where the lists do not fit together. */
function unitsOf({ serials, probes }: GangOptions): GangSlot[] {
  const [units, places] = [listOf('--serials', serials), listOf('--probes', probes)];
  if (units.length !== places.length) {
    throw usage(`--serials names ${units.length} units and --probes ${places.length} probes; each unit needs one`);
  }
  const twice = repeated(units) ?? repeated(places.filter((probe) => !isSimulated({ probe })));
  if (twice !== undefined) throw usage(`${twice} is named twice`);
  return places.map((probe, index) => ({ slot: String(index + 1), serial: units[index] ?? '', probe }));
}

function listOf(option: string, text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw usage(`${option} has an empty place: ${text}`);
  return items;
}

function repeated(items: readonly string[]): string | undefined {
  return items.find((item, index) => items.indexOf(item) !== index);
}

/** 4 when a run was aborted, else 3 before 2 before 1 before 0. */
function worstOf(ends: readonly UnitEnd[]): ExitCode {
  const codes = ends.map(({ code }) => code);
  return codes.reduce((worst, code) => (code > worst ? code : worst), exitCodeOf('PASS', null));
}

/** A line each time the slot's state changes: begun, a step, its end. */
function slotLines(slot: string, serial: string, { print }: CliContext): (event: RunEvent) => void {
  const tell = (text: string) => print(`[${slot.padStart(2)}] ${serial}  ${text}`);
  return (event) => {
    if (event.type === 'run.started') tell(`run ${event.run}`);
    if (event.type === 'step.started') tell(event.step);
    if (event.type === 'run.finished')
      tell(event.code === undefined ? event.verdict : `${event.verdict} ${event.code}`);
  };
}

function tableOf(units: readonly GangSlot[], ends: readonly UnitEnd[], context: CliContext): string[] {
  const rule = '-'.repeat(60);
  const rows = units.flatMap(({ slot, serial, probe }, index) => {
    const { finished = null, refused = null } = ends[index] ?? {};
    const verdict = finished?.verdict ?? 'REFUSED';
    const seconds = finished?.record ? `${secondsOf(finished.record)} s` : '-';
    const row = `${slot.padStart(3)}  ${serial.padEnd(16)} ${verdict.padEnd(8)} ${seconds.padStart(10)}  ${probe}`;
    const failure = refused ?? finished?.record?.failure;
    const text = failure ? failureLines(failure, context.describeFailure(failure)) : [];
    return [row, ...text.map((line) => `     ${line}`)];
  });
  const passed = ends.filter(({ finished }) => finished?.verdict === 'PASS').length;
  return [rule, ...rows, rule, `${passed} of ${units.length} passed`];
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
