import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { homeFolder, openLogOf, type StationLog } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { failureLines } from './outcome.ts';
import { recordLine } from './show-run.ts';

export function logCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const show = command('show', "shows units' records, newest first", ['log show --serial HB000001', 'log show --json'])
    .option('--serial <serial>', 'of this unit only')
    .option('--limit <number>', 'this many at most', '50')
    .action(async (options: CommonOptions & { serial?: string; limit: string }) => {
      const limit = countOf(options.limit);
      const records = await withLog(context, (log) =>
        log.records(options.serial === undefined ? { limit } : { limit, serial: options.serial }),
      );
      showRecords(records, options, context);
      end(0);
    });
  const verify = command('verify', 'checks the chain of records: nothing changed, nothing missing', [
    'log verify',
  ]).action(async (options: CommonOptions) => {
    const { records, fault } = await withLog(context, (log) => log.verify());
    if (options.json) context.print(JSON.stringify({ type: 'log.verified', records, fault }));
    else
      context.print(
        fault === null ? `${records} records, the chain is whole` : `DAMAGED after ${records} records: ${fault}`,
      );
    end(fault === null ? 0 : 3);
  });
  const exported = command('export', 'writes records out, oldest first', [
    'log export --from 2026-01-01 --to 2026-02-01 --format csv',
  ])
    .option('--from <date>', 'finished at or after (ISO 8601, UTC)')
    .option('--to <date>', 'finished before (ISO 8601, UTC)')
    .option('--format <format>', 'csv or jsonl', 'jsonl')
    .action(async (options: CommonOptions & { from?: string; to?: string; format: string }) => {
      if (options.format !== 'csv' && options.format !== 'jsonl')
        throw new FlashlineError('usage', { params: { detail: `--format is csv or jsonl, not ${options.format}` } });
      const range = { ...dateOf('from', options.from), ...dateOf('to', options.to) };
      const records = (await withLog(context, (log) => log.records(range))).toReversed();
      const csv = options.format === 'csv' && !options.json;
      if (csv) context.print(CSV_COLUMNS.join(','));
      for (const record of records) context.print(csv ? csvLine(record) : JSON.stringify(record));
      end(0);
    });
  return withExamples(new Command('log'), ['log show --serial HB000001', 'log verify'])
    .description('the unit log')
    .addCommand(show)
    .addCommand(verify)
    .addCommand(exported);
}

async function withLog<T>(context: CliContext, work: (log: StationLog) => Promise<T>): Promise<T> {
  const log = await openLogOf(homeFolder(context.env));
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

function showRecords(records: readonly UnitRecord[], options: CommonOptions, context: CliContext): void {
  if (options.json) {
    for (const record of records) context.print(JSON.stringify(record));
    return;
  }
  if (records.length === 0) context.say('No records.');
  for (const record of records) {
    context.print(recordLine(record));
    if (!record.failure) continue;
    for (const line of failureLines(record.failure, context.describeFailure(record.failure)))
      context.print(`      ${line}`);
  }
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new FlashlineError('usage', { params: { detail: `--limit is a whole number from 1, not ${text}` } });
}

function dateOf(name: 'from' | 'to', text: string | undefined): { from?: string; to?: string } {
  if (text === undefined) return {};
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new FlashlineError('usage', { params: { detail: `--${name} is a date such as 2026-01-31, not ${text}` } });
  return { [name]: date.toISOString() };
}

const CSV_COLUMNS = [
  'sequence',
  'finishedAt',
  'product',
  'revision',
  'serial',
  'uid',
  'chip',
  'release',
  'verdict',
  'code',
  'blame',
  'station',
  'slot',
  'operator',
  'startedAt',
  'bytesWritten',
  'hash',
];

function csvLine(record: UnitRecord): string {
  const { product, failure } = record;
  const values = [
    record.sequence,
    record.finishedAt,
    product.id,
    product.revision,
    record.serial,
    record.uid ?? '',
    record.chip,
    record.release,
    record.verdict,
    failure?.code ?? '',
    failure?.blame ?? '',
    record.station,
    record.slot,
    record.operator,
    record.startedAt,
    record.bytesWritten,
    record.hash,
  ];
  return values.map((value) => csvCell(String(value))).join(',');
}

/** RFC 4180, and no cell that a spreadsheet would run as a formula. */
function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
