import type { Command } from 'commander';
import { finalYield, firstPassYield, wilsonInterval } from '#shared/model/yield.ts';
import type { StationYield } from '../../log/log.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { FROM, spanOf, TO } from './log-times.ts';
import { withLog } from './with-log.ts';

interface YieldOptions extends CommonOptions {
  readonly from: string;
  readonly to: string;
  readonly product?: string;
  readonly bench?: boolean;
}

export function logYieldCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('yield', 'counts the units that were first tried in a span of time', [
    'log yield --from 2026-03-28T22:00+01:00 --to 2026-03-29T06:00+02:00',
    'log yield --from 2026-03-01 --to 2026-04-01 --product hello-nrf51 --json',
  ])
    .requiredOption('--from <time>', FROM)
    .requiredOption('--to <time>', TO)
    .option('--product <id>', 'of this product only')
    .option('--bench', "the virtual bench's units instead of real ones")
    .action(async (options: YieldOptions) => {
      const { from = '', to = '' } = spanOf(options);
      const { product, bench = false, json } = options;
      const query = { from, to, simulated: bench, ...(product === undefined ? {} : { product }) };
      const counted = await withLog(context, (log) => log.shiftYield(query));
      if (json) context.print(JSON.stringify({ type: 'log.yield', ...query, ...counted, ...figuresOf(counted) }));
      else for (const line of yieldLines(counted)) context.print(line);
      end(0);
    });
}

function figuresOf(counted: StationYield) {
  const { attempted, passedFirst } = counted;
  return {
    firstPassYield: firstPassYield(counted),
    firstPassInterval: wilsonInterval(passedFirst, attempted),
    finalYield: finalYield(counted),
  };
}

/** Names differ between plants, so the formulas stand beside the figures. */
function yieldLines(counted: StationYield): string[] {
  const { attempted, passedFirst, passedLater, runs } = counted;
  const { firstPassYield: first, finalYield: final, firstPassInterval: interval } = figuresOf(counted);
  const between = interval === null ? 'none' : `${percent(interval.low)} to ${percent(interval.high)}`;
  return [
    `Units attempted     ${attempted}   (units whose first PASS or FAIL at this station fell into the span)`,
    `First pass yield    ${percent(first)}   = passed at the first attempt / attempted = ${passedFirst} / ${attempted}`,
    `  95 % interval     ${between}   (Wilson's score interval)`,
    `Final yield         ${percent(final)}   = passed at all / attempted = ${passedFirst + passedLater} / ${attempted}`,
    'Runs in the span, by how they ended:',
    ...runs.map(({ verdict, code, count }) =>
      `${String(count).padStart(8)}  ${verdict.padEnd(11)} ${code ?? ''}`.trimEnd(),
    ),
    ...(runs.length === 0 ? ['       0'] : []),
  ];
}

function percent(share: number | null): string {
  return share === null ? 'none' : `${(share * 100).toFixed(2)} %`;
}
