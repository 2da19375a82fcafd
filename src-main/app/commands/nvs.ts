import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { sha256Hex } from '#shared/base/digest.ts';
import { nvsEntryOf, readNvsCsv } from '../../image/nvs/nvs-csv.ts';
import { readNvs } from '../../image/nvs/nvs-reader.ts';
import { writeNvs } from '../../image/nvs/nvs-writer.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { jsonContent, nvsLines } from './file-content.ts';
import { readInput, writeOutput } from './files.ts';
import { numberOf } from './numbers.ts';

interface BuildOptions extends CommonOptions {
  readonly size: string;
  readonly out: string;
  readonly nvsVersion: string;
}

const BUILD = 'nvs build factory.csv --size 0x4000 --out factory.bin';
const SHOW = 'nvs show factory.bin';

export function nvsCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const build = command(
    'build',
    "makes an NVS partition of a CSV in ESP-IDF's syntax; files that it names stand beside it",
    [BUILD],
  )
    .argument('<csv>')
    .requiredOption('--size <bytes>', 'of the partition: whole pages of 4096')
    .requiredOption('--out <file>', 'where the partition goes')
    .addOption(
      new Option('--nvs-version <version>', 'as pages have it; 1 for ESP-IDF before 4.0')
        .choices(['1', '2'])
        .default('2'),
    )
    .action(async (csv: string, options: BuildOptions) => {
      await makeNvs(csv, options, context);
      end(0);
    });
  const show = command('show', 'shows what an NVS partition holds', [SHOW])
    .argument('<file>')
    .action(async (file: string, options: CommonOptions) => {
      const nvs = readNvs(await readInput(file));
      if (options.json) context.print(JSON.stringify({ type: 'nvs', file, ...jsonContent({ is: 'nvs', nvs }) }));
      else for (const line of [file, ...nvsLines(nvs)]) context.print(line);
      end(0);
    });
  return withExamples(new Command('nvs'), [BUILD, SHOW])
    .description('NVS partitions of Espressif’s chips')
    .addCommand(build)
    .addCommand(show);
}

async function makeNvs(csv: string, options: BuildOptions, context: CliContext): Promise<void> {
  const rows = readNvsCsv(csv, new TextDecoder().decode(await readInput(csv)));
  const entries = [];
  for (const row of rows) {
    const content = row.isFile ? await readInput(resolve(dirname(csv), row.value)) : undefined;
    entries.push(nvsEntryOf(csv, row, content));
  }
  const bytes = writeNvs(entries, {
    size: numberOf('--size', options.size),
    version: options.nvsVersion === '1' ? 1 : 2,
  });
  await writeOutput(options.out, bytes);
  const told = { file: options.out, size: bytes.length, sha256: sha256Hex(bytes), entries: entries.length };
  if (options.json) context.print(JSON.stringify({ type: 'nvs.built', ...told }));
  else context.print(`${told.file}: ${told.entries} entries, ${told.size} bytes, sha256 ${told.sha256}`);
}
