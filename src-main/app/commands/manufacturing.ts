import { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import { identityRules } from '#shared/identity/unit-label.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { nodeFiles } from '../../release/files.ts';
import { unitImage } from '../../release/manufacturing/for-unit.ts';
import { openRelease } from '../../release/open-release.ts';
import { sha256Hex } from '#shared/base/digest.ts';
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
import { contentLines, readContent } from './file-content.ts';
import { writeOutput } from './files.ts';
import { resultOption, resultsOf, scanOption, scansOf } from './scans.ts';

interface BuildOptions extends CommonOptions {
  readonly release: string;
  readonly serial: string;
  readonly uid?: string;
  readonly mac?: readonly string[];
  readonly scan?: readonly string[];
  readonly result?: readonly string[];
  readonly out: string;
}

const BUILD = 'manufacturing build --release my-product --serial HB000001 --mac 02:00:5e:00:53:01 --out unit.bin';

export function manufacturingCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const build = command(
    'build',
    'makes the manufacturing partition that this unit would be given; nothing is taken of any pool',
    [BUILD],
  )
    .addOption(releaseOption().makeOptionMandatory())
    .requiredOption('--serial <serial>', 'the unit')
    .option('--uid <hex>', 'the hardware id, as identify prints it')
    .option('--mac <mac...>', 'the MACs that the recipe would take of its pool')
    .addOption(scanOption())
    .addOption(resultOption())
    .requiredOption('--out <file>', 'where the partition goes')
    .action(async (options: BuildOptions) => {
      await makePartition(options, context);
      end(0);
    });
  return withExamples(new Command('manufacturing'), [BUILD])
    .description('what a unit alone is given')
    .addCommand(build);
}

async function makePartition(options: BuildOptions, context: CliContext): Promise<void> {
  const { release: path, uid = null, mac = [], out } = options;
  const { recipe } = await openRelease(path, { chips: await chipsOf(chipSources(context)), files: nodeFiles });
  const { serial, fields } = identityRules(recipe).read(options.serial);
  const macs = mac.map(macOf);
  const made = unitImage(recipe, {
    serial,
    uid: uid?.toLowerCase() ?? null,
    macs,
    scans: { ...scansOf(options.scan), ...fields },
    results: resultsOf(options.result),
  });
  const segment = made?.image.segments[0];
  if (!segment) throw usage(`the recipe of ${path} has no manufacturing section`);
  await writeOutput(out, segment.data);
  const { address, data } = segment;
  const told = { file: out, address, size: data.length, sha256: sha256Hex(data) };
  if (options.json) {
    context.print(JSON.stringify({ type: 'manufacturing.built', serial, ...told }));
    return;
  }
  context.print(`${out}: ${told.size} bytes for ${hexAddress(address)}, sha256 ${told.sha256}`);
  const content = readContent(data);
  for (const line of content ? contentLines(content) : []) context.print(line);
}

function macOf(text: string): string {
  const digits = text.replaceAll(/[:-]/gu, '').toLowerCase();
  if (!/^[0-9a-f]{12}$/u.test(digits)) throw usage(`--mac is six bytes such as 02:00:5e:00:53:01, not ${text}`);
  return (digits.match(/../gu) ?? []).join(':');
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
