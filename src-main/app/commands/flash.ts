import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { openEngine } from '../compose.ts';
import {
  chipSources,
  type CliContext,
  command,
  type CommonOptions,
  type ExitCode,
  probeOption,
  releaseOption,
} from './command.ts';
import { benchRole, lockReleaser } from './lock-badge.ts';
import { reportFailure } from './outcome.ts';
import { planFor, planLines, proofLine } from './plan-lines.ts';
import { resultOption, resultsOf, scanOption, scansOf } from './scans.ts';
import { humanRun, jsonRun } from './show-run.ts';
import { benchPaceOption, openStation, paceOf, runUnit } from './station-runs.ts';

interface FlashOptions extends CommonOptions {
  readonly release: string;
  readonly serial?: string;
  readonly probe?: string;
  readonly slot: string;
  readonly rework?: boolean;
  readonly reflash?: boolean;
  readonly dryRun?: boolean;
  readonly benchPace?: string;
  readonly scan?: readonly string[];
  readonly result?: readonly string[];
  readonly releaseLocksAs?: string;
}

export function flashCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('flash', 'puts a release into one unit, proves it by read-back and records it', [
    'flash --release resources/demo/hello-nrf52840 --serial HB000001 --probe bench:nrf52840',
    'flash --release my-product --serial HB000002 --probe gdb:tcp:127.0.0.1:3333 --json',
    'flash --release my-product --dry-run',
  ])
    .addOption(releaseOption().makeOptionMandatory())
    .option(
      '--serial <serial>',
      "what the unit's label says; left out, the next serial of the recipe's counter, list or pool",
    )
    .addOption(probeOption())
    .option('--slot <slot>', 'the slot, for the record', '1')
    .option('--rework', 'also a unit that already passed')
    .option('--reflash', 'for a developer’s own board: what is kept is not read back; the run counts for nothing')
    .option('--dry-run', 'prints the plan and touches nothing; with --probe the plan for the unit that is there')
    .option(
      '--release-locks-as <role>',
      'on the bench: a badge of this role where the recipe’s locks wait for one; real units ask, or read FLASHLINE_BADGE',
    )
    .addOption(scanOption())
    .addOption(resultOption())
    .addOption(benchPaceOption())
    .action(async (options: FlashOptions) => end(await (options.dryRun ? dryRun : flash)(options, context)));
}

async function flash(options: FlashOptions, context: CliContext): Promise<ExitCode> {
  const { release, serial, probe, slot } = options;
  if (probe === undefined) throw missing('--probe', 'bench:nrf52840');
  const as = benchRole(options.releaseLocksAs, probe);
  const trustKept = options.reflash === true;
  const station = { release, slots: [{ slot, probe }], pace: paceOf(options.benchPace), trustKept };
  const host = await openStation(station, context);
  try {
    if (serial === undefined && !host.station.state().release?.serials) throw missing('--serial', 'HB000001');
    const unit = {
      slot,
      serial: serial ?? null,
      rework: options.rework === true,
      scans: scansOf(options.scan),
      results: resultsOf(options.result),
    };
    const show = options.json ? jsonRun(context) : humanRun(context);
    const release = lockReleaser(host.station, { slot, as }, context);
    const hear = (event: RunEvent) => {
      show(event);
      release(event);
    };
    const end = await runUnit(host.station, unit, hear, context);
    if (end.refused) return reportFailure(end.refused, options.json === true, context);
    return end.code;
  } finally {
    await host.close();
  }
}

async function dryRun(options: FlashOptions, context: CliContext): Promise<ExitCode> {
  const engine = await openEngine(options.release, chipSources(context));
  const found = options.probe === undefined ? undefined : await planFor(engine, options.probe, context);
  const plan: Plan = found?.plan ?? engine.plan();
  if (options.json) context.print(JSON.stringify({ type: 'plan', ...plan, ...(found ? { proof: found.proof } : {}) }));
  else for (const line of planLines(plan)) context.print(line);
  if (found && !options.json) context.print(proofLine(found.proof));
  return 0;
}

function missing(option: string, example: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail: `${option} is missing, for example ${option} ${example}` } });
}
