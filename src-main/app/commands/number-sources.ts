import { basename } from 'node:path';
import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { NumberBook, NumberRow, NumbersLeft } from '../../log/log.ts';
import { MAX_LIST_BYTES, readList } from '../../release/serial-list.ts';
import { fileFailure, nodeFiles } from '../../release/files.ts';
import { openRelease } from '../../release/open-release.ts';
import { chipsOf } from '../compose-chips.ts';
import {
  chipSources,
  type CliContext,
  command,
  type CommonOptions,
  type ExitCode,
  releaseOption,
  withExamples,
} from './command.ts';
import { csvCell } from './log-csv.ts';
import { withStores } from './with-log.ts';

type End = (code: ExitCode) => void;

export function numbersCommand(context: CliContext, end: End): Command {
  const made = withExamples(new Command('numbers'), [
    'numbers report',
    'numbers import serials.csv --release my-product',
  ]);
  return made
    .description('serials and MACs that this station gives to units')
    .addCommand(importCommand(context, end))
    .addCommand(reportCommand(context, end));
}

interface ImportOptions extends CommonOptions {
  readonly release: string;
}

function importCommand(context: CliContext, end: End): Command {
  return command('import', 'takes a list of serials for the product; all of it or, where one row is wrong, nothing', [
    'numbers import serials.csv --release my-product',
  ])
    .argument('<csv>', 'a table with headings; the recipe says which column is what')
    .addOption(releaseOption().makeOptionMandatory())
    .action(async (file: string, options: ImportOptions) => {
      const { recipe } = await openRelease(options.release, {
        chips: await chipsOf(chipSources(context)),
        files: nodeFiles,
      });
      const { source } = recipe.serial;
      if (!source || !('list' in source)) throw usage(`the recipe of ${options.release} has no list of serials`);
      const rows = readList(file, await readBytes(file), recipe, source);
      await withStores(context, async ({ numbers }) => {
        const already = await numbers.importRows(source.list, basename(file), rows);
        if (already) throw listed(file, already.line, already.serial);
      });
      const told = { list: source.list, file, rows: rows.length };
      if (options.json) context.print(JSON.stringify({ type: 'numbers.imported', ...told }));
      else context.print(`${rows.length} rows were taken into the list ${source.list}`);
      end(0);
    });
}

async function readBytes(file: string): Promise<Uint8Array> {
  return nodeFiles.read(file, MAX_LIST_BYTES).catch((error: unknown) => {
    throw fileFailure(file, { file }, error);
  });
}

function listed(file: string, line: number, serial: string): FlashlineError {
  const detail = `line ${line}: ${serial} is in the list, or some unit’s, already`;
  return new FlashlineError('list-invalid', { where: { file, line }, params: { file, detail } });
}

interface ReportOptions extends CommonOptions {
  readonly source?: string;
  readonly state?: string;
  readonly format: string;
}

/** In memory at a time. */
const PAGE = 500;
const HEAD = 'source,state,first,last,text,run,verdict,takenAt';

function reportCommand(context: CliContext, end: End): Command {
  return command('report', 'which numbers were used, which are void and by which run, which were never taken', [
    'numbers report',
    'numbers report --source counter:boards --state void --format csv',
  ])
    .option('--source <source>', 'only of counter:NAME, mac:NAME, list:NAME or pool:NAME')
    .option('--state <state>', 'only used, open, void, gap (passed over) or free (never taken)')
    .option('--format <format>', 'csv or text', 'text')
    .action(async (options: ReportOptions) => {
      const { format, json } = options;
      if (format !== 'csv' && format !== 'text') throw usage(`--format is csv or text, not ${format}`);
      if (format === 'csv' && !json) context.print(HEAD);
      await withStores(context, ({ numbers }) => report(numbers, options, context));
      end(0);
    });
}

/** One line of the report: a number, or a range that has none. */
interface ReportLine {
  readonly source: string;
  readonly state: NumberRow['state'] | 'gap' | 'free';
  readonly first: number;
  readonly last: number;
  readonly text: string | null;
  readonly run: string | null;
  readonly verdict: string | null;
  readonly at: string | null;
}

async function report(numbers: NumberBook, options: ReportOptions, context: CliContext): Promise<void> {
  const counts = new Map<string, number>();
  const tell = (line: ReportLine) => {
    if (options.source !== undefined && line.source !== options.source) return;
    const key = `${line.source}\t${line.state}`;
    counts.set(key, (counts.get(key) ?? 0) + line.last + 1 - line.first);
    if (options.state !== undefined && line.state !== options.state) return;
    if (options.json) context.print(JSON.stringify({ type: 'number', ...line }));
    else if (options.format === 'csv') context.print(csvOf(line));
    else if (line.state !== 'used') context.print(textOf(line));
  };
  let after = { source: '', number: 0 };
  let before: NumberRow | null = null;
  for (;;) {
    context.signal.throwIfAborted();
    const page: readonly NumberRow[] = await numbers.taken(after, PAGE);
    for (const row of page) {
      for (const line of [...gapBetween(before, row), takenLine(row)]) tell(line);
      before = row;
    }
    const last = page.at(-1);
    if (last === undefined || !(await context.printed())) break;
    after = { source: last.source, number: last.number };
  }
  for (const free of await numbers.left()) tell(freeLine(free));
  if (options.json || options.format === 'csv') return;
  for (const [key, count] of counts) context.print(`${key.replace('\t', ': ')} ${count}`);
}

/** Between two of one source that were taken: an address that is no multiple, what was given back, a counter that was set forward. */
function gapBetween(before: NumberRow | null, { source, number }: NumberRow): ReportLine[] {
  if (before?.source !== source) return [];
  const first = before.number + before.size;
  if (first >= number) return [];
  return [{ source, state: 'gap', first, last: number - 1, text: null, run: null, verdict: null, at: null }];
}

function takenLine({ source, state, number, size, text, run, verdict, at }: NumberRow): ReportLine {
  return { source, state, first: number, last: number + size - 1, text, run, verdict, at };
}

function freeLine({ source, first, last }: NumbersLeft): ReportLine {
  return { source, state: 'free', first, last, text: null, run: null, verdict: null, at: null };
}

function csvOf({ source, state, first, last, text, run, verdict, at }: ReportLine): string {
  return [source, state, first, last, text, run, verdict, at].map((value) => csvCell(String(value ?? ''))).join(',');
}

function textOf({ source, state, first, last, text, run, verdict }: ReportLine): string {
  const which = text ?? (first === last ? String(first) : `${first} to ${last}`);
  const why = run === null ? '' : `  by run ${run}${verdict === null ? '' : ` (${verdict})`}`;
  return `${source}  ${which}  ${state}${why}`;
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
