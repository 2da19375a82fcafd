import { Command, Option } from 'commander';
import type { Desk } from '#plant/plant.ts';
import {
  countByState,
  joinRanges,
  NumberState,
  type PoolRange,
  type PoolReport,
} from '#shared/contract/plant/pool-report.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { macOfNumber } from '#shared/model/mac-address.ts';
import { type CliContext, command, type ExitCode, withExamples } from './command.ts';
import { csvCell } from './log-csv.ts';
import { type PlaceOptions, withPlace } from './plant-place.ts';
import { withDesk } from './with-desk.ts';

export function plantPools(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('pools'), [
    'plant pools report',
    'plant pools report boards --state void --format csv',
  ])
    .description('serials and MACs that the plant leases to stations')
    .addCommand(report(context, end));
}

interface ReportOptions extends PlaceOptions {
  readonly state?: NumberState;
  readonly format: 'csv' | 'text';
}

const HEAD = 'pool,state,first,last,count,station';

function report(context: CliContext, end: (code: ExitCode) => void): Command {
  const state = new Option('--state <state>', 'only these').choices(NumberState.options);
  const format = new Option('--format <format>', 'what is printed').choices(['csv', 'text']).default('text');
  return withPlace(
    command('report', 'what became of a pool’s numbers at all stations: used, void, with a station, returned, open', [
      'plant pools report',
      'plant pools report boards --state void --format csv',
    ]),
  )
    .argument('[pool]', 'left out: all of them')
    .addOption(state)
    .addOption(format)
    .action(async (pool: string | undefined, options: ReportOptions) => {
      if (options.format === 'csv' && !options.json) context.print(HEAD);
      await withDesk(options, context, async (desk) => {
        const pools = pool === undefined ? (await desk.call('pool.list', {})).map(({ id }) => id) : [pool];
        if (pools.length === 0) context.say('This plant has no pool of numbers.');
        for (const id of pools) tell(await wholeReport(desk, id, context.signal), options, context);
      });
      end(0);
    });
}

/** What one page cut is whole again. */
async function wholeReport(desk: Desk, id: string, signal: AbortSignal): Promise<PoolReport> {
  let report = await desk.call('pool.report', { id });
  while (report.next !== null) {
    signal.throwIfAborted();
    const page: PoolReport = await desk.call('pool.report', { id, before: report.next });
    if (page.next === report.next) throw new FlashlineError('internal', { cause: 'a report that does not go on' });
    report = { ...page, ranges: joinRanges([report, page]) };
  }
  return report;
}

function tell(report: PoolReport, { state, format, json }: ReportOptions, { print }: CliContext): void {
  const shown = report.ranges.filter((range) => state === undefined || range.state === state);
  for (const range of shown) {
    const { pool } = report;
    const [first, last] = [textOf(report, range.first), textOf(report, range.last)];
    const count = range.last - range.first + 1;
    if (json)
      print(JSON.stringify({ type: 'numbers', pool, state: range.state, first, last, count, station: range.station }));
    else if (format === 'csv')
      print([pool, range.state, first, last, String(count), range.station ?? ''].map(csvCell).join(','));
    else print(lineOf(range, first, last));
  }
  if (json || format === 'csv') return;
  const counts = Object.entries(countByState(report.ranges)).map(([each, count]) => `${each} ${count}`);
  print(`${report.pool}: ${counts.join(', ')}`);
}

function lineOf({ state, station, first, last }: PoolRange, from: string, to: string): string {
  const what = first === last ? from : `${from} - ${to} (${last - first + 1})`;
  return `  ${state.padEnd(8)}  ${what}${station === null ? '' : `  ${station}`}`;
}

function textOf({ kind, prefix, digits }: PoolReport, number: number): string {
  return kind === 'mac' ? macOfNumber(number) : `${prefix}${String(number).padStart(digits, '0')}`;
}
