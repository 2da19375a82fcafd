import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Plan } from '#shared/model/plan.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import { composeStation, noSamples, openEngine } from '../compose.ts';
import { connectorOf, parseProbeUrl } from '../compose-connector.ts';
import { homeFolder } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, releaseOption } from './command.ts';
import { exitCodeOf, failureLines, reportFailure } from './outcome.ts';
import { planFor, planLines } from './plan-lines.ts';
import { humanRun, jsonRun } from './show-run.ts';

interface FlashOptions extends CommonOptions {
  readonly release: string;
  readonly serial?: string;
  readonly probe?: string;
  readonly slot: string;
  readonly rework?: boolean;
  readonly dryRun?: boolean;
  readonly benchPace?: string;
}

export function flashCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('flash', 'puts a release into one unit, proves it by read-back and records it', [
    'flash --release resources/demo/hello-nrf52840 --serial HB000001 --probe bench:nrf52840',
    'flash --release my-product --serial HB000002 --probe gdb:tcp:127.0.0.1:3333 --json',
    'flash --release my-product --dry-run',
  ])
    .addOption(releaseOption().makeOptionMandatory())
    .option('--serial <serial>', "the unit's serial; must match the recipe's pattern")
    .addOption(probeOption())
    .option('--slot <slot>', 'the slot, for the record', '1')
    .option('--rework', 'also a unit that already passed')
    .option('--dry-run', 'prints the plan and touches nothing; with --probe the plan for the unit that is there')
    .option(
      '--bench-pace <factor>',
      "the bench's virtual seconds to a real one; without it, as fast as this computer can",
    )
    .action(async (options: FlashOptions) => end(await (options.dryRun ? dryRun : flash)(options, context)));
}

async function flash(options: FlashOptions, context: CliContext): Promise<ExitCode> {
  const { serial, probe, slot } = options;
  if (serial === undefined) throw missing('--serial', 'HB000001');
  if (probe === undefined) throw missing('--probe', 'bench:nrf52840');
  parseProbeUrl(probe);
  const host = await composeStation({
    resources: context.resources,
    home: homeFolder(context.env),
    appVersion: context.appVersion,
    mode: isSimulated({ probe }) ? 'bench' : 'probes',
    release: options.release,
    slots: [{ id: slot, name: slot, probe }],
    samples: noSamples,
    autoStart: false,
    connect: connectorOf({
      pace: paceOf(options.benchPace),
    }),
    warn: (failure) => context.say(`Note: ${context.describeFailure(failure).message} ${failure.cause ?? ''}`),
  });
  try {
    for (const record of host.log.interruptedAtOpening()) {
      context.say(`INTERRUPTED: an earlier run of unit ${record.serial} on slot ${record.slot} did not end.`);
      if (record.failure)
        for (const line of failureLines(record.failure, context.describeFailure(record.failure))) context.say(line);
    }
    const scan = host.station.scan({ code: serial, slot });
    if (scan.outcome === 'refused') return reportFailure(scan.failure, options.json === true, context);
    const show = options.json ? jsonRun(context) : humanRun(context);
    const finished: Extract<RunEvent, { type: 'run.finished' }>[] = [];
    const onEvent = (event: RunEvent) => {
      if (event.type === 'run.finished') finished.push(event);
      show(event);
    };
    const { verdict } = await host.station.runSlot({ slot, rework: options.rework === true }, context.signal, onEvent);
    const [last] = finished;
    return exitCodeOf(verdict, last?.code && last.blame ? { code: last.code, blame: last.blame } : null);
  } finally {
    await host.close();
  }
}

async function dryRun(options: FlashOptions, context: CliContext): Promise<ExitCode> {
  const engine = await openEngine(options.release, context.resources);
  const plan: Plan = options.probe === undefined ? engine.plan() : await planFor(engine, options.probe, context);
  if (options.json) context.print(JSON.stringify({ type: 'plan', ...plan }));
  else for (const line of planLines(plan)) context.print(line);
  return 0;
}

function paceOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const factor = Number(text);
  if (factor > 0 && factor < Infinity) return factor;
  throw new FlashlineError('usage', { params: { detail: `--bench-pace is a number above 0, not ${text}` } });
}

function missing(option: string, example: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail: `${option} is missing, for example ${option} ${example}` } });
}
