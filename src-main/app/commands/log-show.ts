import { type Command, Option } from 'commander';
import type { Facet } from '#shared/model/facets.ts';
import { FlashlineError, Verdict } from '#shared/model/failure.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import type { RecordQuery } from '../../log/log.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { FROM, spanOf, TO } from './log-times.ts';
import { failureLines } from './outcome.ts';
import { recordLine } from './show-run.ts';
import { safetyLines } from './safety-lines.ts';
import { withStores } from './with-log.ts';

interface ShowOptions extends CommonOptions {
  readonly serial?: string;
  readonly uid?: string;
  readonly product?: string;
  readonly verdict?: Verdict;
  readonly mac?: string;
  readonly batch?: string;
  readonly order?: string;
  readonly image?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: string;
}

export function logShowCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('show', "shows units' records, newest first", [
    'log show --serial HB000001',
    'log show --batch "lot 7" --verdict FAIL',
    'log show --mac 02:00:5e:00:53:01 --json',
  ])
    .option('--serial <serial>', 'of this unit only')
    .option('--uid <id>', 'of the unit with this hardware id')
    .option('--product <id>', 'of this product')
    .addOption(new Option('--verdict <verdict>', 'that ended so').choices(Verdict.options))
    .option('--mac <address>', 'of the unit with this MAC address')
    .option('--batch <batch>', 'made in this batch (lot)')
    .option('--order <order>', 'made for this work order')
    .option('--image <sha256>', 'that were to carry this image')
    .option('--from <time>', FROM)
    .option('--to <time>', TO)
    .option('--limit <number>', 'this many at most', '50')
    .action(async (options: ShowOptions) => {
      const query = queryOf(options);
      const { records, safety } = await withStores(context, async (stores) => ({
        records: await stores.log.records(query),
        safety: await stores.safety.state(),
      }));
      showRecords(records, options, context);
      // What was asked for may be among what is not here.
      for (const line of safetyLines(safety)) context.say(line);
      end(0);
    });
}

function queryOf(options: ShowOptions): RecordQuery {
  const { serial, uid, product, verdict } = options;
  return {
    ...(serial === undefined ? {} : { serial }),
    ...(uid === undefined ? {} : { uid }),
    ...(product === undefined ? {} : { product }),
    ...(verdict === undefined ? {} : { verdict }),
    ...facetOf(options),
    ...spanOf(options),
    limit: countOf(options.limit),
  };
}

function facetOf({ mac, batch, order, image }: ShowOptions): Pick<RecordQuery, 'facet'> {
  const given = [
    ...facetIf('mac', mac, macOf),
    ...facetIf('image', image, sha256Of),
    ...facetIf('batch', batch),
    ...facetIf('order', order),
  ];
  const [facet] = given;
  if (given.length > 1) throw usage('--mac, --batch, --order and --image: one of them at a time');
  return facet === undefined ? {} : { facet };
}

function facetIf(kind: Facet, text: string | undefined, read = (plain: string): string => plain) {
  return text === undefined ? [] : [{ kind, value: read(text) }];
}

/** As labels and tools print it: with colons, hyphens or nothing in between. */
function macOf(text: string): string {
  const digits = text.toLowerCase().replaceAll(/[:.-]/g, '');
  if (!/^[0-9a-f]{12}$/.test(digits)) throw usage(`--mac is an address such as 02:00:5e:00:53:01, not ${text}`);
  return (digits.match(/../g) ?? []).join(':');
}

function sha256Of(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw usage(`--image is a SHA-256, 64 hexadecimal digits, not ${text}`);
  return text.toLowerCase();
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
  throw usage(`--limit is a whole number from 1, not ${text}`);
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
