import { Command } from 'commander';
import { sha256Hex } from '#shared/base/digest.ts';
import { partitionCsv, readPartitionCsv } from '../../image/partition-csv.ts';
import { readPartitionTable, writePartitionTable } from '../../image/partition-table.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { jsonContent, partitionLines } from './file-content.ts';
import { readInput, writeOutput } from './files.ts';
import { numberOf } from './numbers.ts';

interface BuildOptions extends CommonOptions {
  readonly out: string;
  readonly offset: string;
}

const BUILD = 'partitions build partitions.csv --out partitions.bin';
const SHOW = 'partitions show partitions.bin';

export function partitionsCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const build = command('build', "makes a partition table of a CSV in ESP-IDF's syntax", [BUILD])
    .argument('<csv>')
    .requiredOption('--out <file>', 'where the table goes')
    .option('--offset <address>', 'where the table stands in flash: partitions begin behind it', '0x8000')
    .action(async (csv: string, options: BuildOptions) => {
      const text = new TextDecoder().decode(await readInput(csv));
      const partitions = readPartitionCsv(csv, text, { tableOffset: numberOf('--offset', options.offset) });
      const bytes = writePartitionTable(partitions);
      await writeOutput(options.out, bytes);
      const told = { file: options.out, size: bytes.length, sha256: sha256Hex(bytes), partitions: partitions.length };
      if (options.json) context.print(JSON.stringify({ type: 'partitions.built', ...told }));
      else context.print(`${told.file}: ${told.partitions} partitions, ${told.size} bytes, sha256 ${told.sha256}`);
      end(0);
    });
  const show = command('show', 'shows a partition table', [SHOW, `${SHOW} --csv`])
    .argument('<file>')
    .option('--csv', 'as the CSV that makes it')
    .action(async (file: string, options: CommonOptions & { readonly csv?: boolean }) => {
      const table = readPartitionTable(await readInput(file));
      if (options.csv) context.print(partitionCsv(table.partitions).trimEnd());
      else if (options.json)
        context.print(JSON.stringify({ type: 'partitions', file, ...jsonContent({ is: 'partitions', table }) }));
      else for (const line of [file, ...partitionLines(table)]) context.print(line);
      end(0);
    });
  return withExamples(new Command('partitions'), [BUILD, SHOW])
    .description('partition tables of Espressif’s chips')
    .addCommand(build)
    .addCommand(show);
}
