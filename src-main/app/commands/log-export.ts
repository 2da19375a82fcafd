import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { UnitRecord } from '#shared/model/unit-record.ts';
import type { ExportedRecord, ExportPlace, ExportQuery } from '../../log/log.ts';
import type { StationLog } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { CSV_HEAD, csvLine } from './log-csv.ts';
import { FROM, spanOf, TO } from './log-times.ts';
import { withLog } from './with-log.ts';

interface ExportOptions extends CommonOptions {
  readonly from?: string;
  readonly to?: string;
  readonly product?: string;
  readonly serial?: string;
  readonly format: string;
}

/** Records in memory at a time: some megabytes. */
const PAGE = 500;

export function logExportCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('export', 'writes records out, oldest first', [
    'log export --from 2026-01-01 --to 2026-02-01 --format csv',
    'log export --from 2026-03-29T06:00+02:00 --to 2026-03-29T14:00+02:00 --product hello-nrf51',
  ])
    .option('--from <time>', FROM)
    .option('--to <time>', TO)
    .option('--product <id>', 'of this product only')
    .option('--serial <serial>', 'of this unit only')
    .option('--format <format>', 'csv or jsonl', 'jsonl')
    .action(async (options: ExportOptions) => {
      const { format, json, product, serial } = options;
      if (format !== 'csv' && format !== 'jsonl')
        throw new FlashlineError('usage', { params: { detail: `--format is csv or jsonl, not ${format}` } });
      const query = {
        ...spanOf(options),
        ...(product === undefined ? {} : { product }),
        ...(serial === undefined ? {} : { serial }),
      };
      const csv = format === 'csv' && !json;
      if (csv) context.print(CSV_HEAD);
      // JSON lines are the records as they are kept: their hashes can be followed by whoever reads them.
      const line = csv ? (body: string) => csvLine(UnitRecord.parse(JSON.parse(body))) : (body: string) => body;
      await withLog(context, (log) => writeOut(log, query, line, context));
      end(0);
    });
}

async function writeOut(
  log: StationLog,
  query: ExportQuery,
  line: (body: string) => string,
  context: CliContext,
): Promise<void> {
  let after: ExportPlace | null = null;
  for (;;) {
    context.signal.throwIfAborted();
    const page: readonly ExportedRecord[] = await log.exportPage(query, after, PAGE);
    for (const { body } of page) context.print(line(body));
    const last = page.at(-1);
    // Whoever reads sets the pace: no more than a page waits here for it.
    if (last === undefined || !(await context.printed())) return;
    after = { finishedAt: last.finishedAt, sequence: last.sequence };
  }
}
