import { Command } from 'commander';
import type { CommandUse, PlantCommand } from '#shared/contract/plant/command-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type CliContext, command, type ExitCode, withExamples } from './command.ts';
import { writeOutput } from './files.ts';
import { numberOf } from './numbers.ts';
import { type PlaceOptions, placeWithCommands, withCommandsFile, withPlace } from './plant-place.ts';
import { withDesk } from './with-desk.ts';

/** What a command is, stands in the server's file: nothing here changes it. */
export function plantCommands(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('commands'), [
    'plant commands list',
    'plant commands show licence --serial HB000001',
    'plant commands try licence --serial TRY000001 --commands commands.yaml --out blob.bin',
    'plant commands renew licence --serial HB000001 --reason "module exchanged, order 4711"',
  ])
    .description('programs of the plant that make what one unit is given (manufacturing partition, kind: plant)')
    .addCommand(list(context, end))
    .addCommand(show(context, end))
    .addCommand(tryOne(context, end))
    .addCommand(renew(context, end));
}

function commandsCommand(name: string, description: string, examples: readonly string[]): Command {
  return withCommandsFile(withPlace(command(name, description, examples)));
}

function list(context: CliContext, end: (code: ExitCode) => void): Command {
  return commandsCommand('list', 'commands, whom each gives something, and how often it did', [
    'plant commands list',
    'plant commands list --json',
  ]).action(async (options: PlaceOptions) => {
    const place = await placeWithCommands(options, context);
    const commands = await withDesk(options, context, (desk) => desk.call('command.list', {}), place);
    for (const each of commands) context.print(options.json ? JSON.stringify(each) : commandLines(each).join('\n'));
    if (commands.length === 0 && !options.json)
      context.say('This server has no commands: flashline plant serve --commands FILE');
    end(0);
  });
}

interface ShowOptions extends PlaceOptions {
  readonly serial?: string;
  readonly limit: string;
}

function show(context: CliContext, end: (code: ExitCode) => void): Command {
  return commandsCommand('show', 'a command, and its newest uses', [
    'plant commands show licence',
    'plant commands show licence --serial HB000001 --json',
  ])
    .argument('<command>')
    .option('--serial <serial>', 'the uses for one unit only')
    .option('--limit <n>', 'uses at most', '20')
    .action(async (name: string, options: ShowOptions) => {
      const place = await placeWithCommands(options, context);
      const page = { name, serial: options.serial ?? null, limit: numberOf('--limit', options.limit) };
      const [found, uses] = await withDesk(
        options,
        context,
        async (desk) => {
          const commands = await desk.call('command.list', {});
          return [commands.find((each) => each.name === name), await desk.call('command.uses', page)] as const;
        },
        place,
      );
      if (found !== undefined && !options.json) context.print(commandLines(found).join('\n'));
      for (const use of uses) context.print(options.json ? JSON.stringify(use) : useLine(use));
      if (uses.length === 0 && !options.json) context.say('No use of it yet.');
      end(0);
    });
}

interface TryOptions extends PlaceOptions {
  readonly serial: string;
  readonly product: string;
  readonly revision: string;
  readonly uid?: string;
  readonly mac?: readonly string[];
  readonly value?: readonly string[];
  readonly out?: string;
}

function tryOne(context: CliContext, end: (code: ExitCode) => void): Command {
  return commandsCommand('try', 'runs a command once for a made-up unit, which its program is told (`try`: true)', [
    'plant commands try licence --serial TRY000001 --out blob.bin',
    'plant commands try licence --serial TRY000001 --value scan.batch=7B --commands commands.yaml',
  ])
    .argument('<command>')
    .requiredOption('--serial <serial>', 'of no unit that there is')
    .option('--product <id>', 'as the recipe has it', 'try')
    .option('--revision <revision>', 'as the recipe has it', 'A')
    .option('--uid <hex>', 'hardware id')
    .option('--mac <address...>', 'lower case, colons')
    .option('--value <name=value...>', 'what the recipe sends: scan.batch=7B')
    .option('--out <file>', 'what is written: the bytes')
    .action(async (name: string, options: TryOptions) => {
      const { serial, product, revision, uid = null, mac = [], value = [], out } = options;
      const unit = { serial, product, revision, uid, macs: [...mac], values: valuesOf(value) };
      const place = await placeWithCommands(options, context);
      const tried = await withDesk(options, context, (desk) => desk.call('command.try', { name, unit }), place);
      const { end: how, detail, data, sha256, ms, said } = tried;
      const bytes = data === null ? null : new Uint8Array(Buffer.from(data, 'base64'));
      if (bytes !== null && out !== undefined) await writeOutput(out, bytes);
      if (options.json) {
        const told = { type: 'command.tried', name, serial, end: how, detail, sha256, size: bytes?.length ?? null };
        context.print(JSON.stringify({ ...told, ms, said, ...(out === undefined || bytes === null ? {} : { out }) }));
      } else {
        if (bytes === null) context.print(`${name} gave nothing: ${detail ?? ''} (${ms} ms)`);
        else context.print(`${name} gave ${bytes.length} bytes in ${ms} ms, sha256 ${sha256 ?? ''}`);
        if (said !== '') context.say(`It said:\n${said}`);
      }
      end(bytes === null ? 3 : 0);
    });
}

interface RenewOptions extends PlaceOptions {
  readonly serial: string;
  readonly reason: string;
}

function renew(context: CliContext, end: (code: ExitCode) => void): Command {
  return commandsCommand('renew', 'lets a unit be given anew: it costs another use of the command', [
    'plant commands renew licence --serial HB000001 --reason "module exchanged, order 4711"',
  ])
    .argument('<command>')
    .requiredOption('--serial <serial>', 'the unit')
    .requiredOption('--reason <text>', 'for the audit log')
    .action(async (name: string, options: RenewOptions) => {
      const { serial, reason } = options;
      const place = await placeWithCommands(options, context);
      const { renewed } = await withDesk(
        options,
        context,
        (desk) => desk.call('command.renew', { name, serial, reason }),
        place,
      );
      if (renewed === 0)
        throw new FlashlineError('not-found', { params: { what: `use of ${name} for unit ${serial}` } });
      if (options.json) context.print(JSON.stringify({ type: 'command.renewed', name, serial, renewed }));
      else context.print(`Unit ${serial} may be given its data by ${name} anew.`);
      end(0);
    });
}

const AGAIN = {
  same: 'a unit that comes again is given the same',
  refuse: 'a unit that comes again is refused',
  new: 'every run of a unit is a use of its own',
} as const;

function commandLines(each: PlantCommand): string[] {
  const { name, run, seconds, maxBytes, atOnce, again, repeatable, policy, given, lost } = each;
  const { enabled, products, releases, stations, perMinute, quantity, until } = policy;
  const named = (what: string, values: readonly string[] | null, any: string) =>
    `  ${what}: ${values === null ? any : values.join(', ') || 'none'}`;
  return [
    `${name}: ${enabled ? 'on' : 'off'}, ${run.join(' ')}`,
    `  ${seconds} s and ${maxBytes} bytes at most, ${atOnce} at once; ${AGAIN[again]}${repeatable ? '; repeatable' : ''}`,
    named('products', products, 'any'),
    named('releases', releases, 'those that the plant has published'),
    named('stations', stations, 'any'),
    `  given ${given}${quantity === null ? '' : ` of ${quantity}`}${lost === 0 ? '' : `, ${lost} whose end is not known`}` +
      `${perMinute === null ? '' : `, ${perMinute} a minute`}${until === null ? '' : `, until ${until}`}`,
  ];
}

function useLine({ begunAt, state, live, serial, uid, station, sha256, size, detail }: CommandUse): string {
  const what = sha256 === null ? (detail ?? '') : `${size ?? 0} bytes, sha256 ${sha256}`;
  return `${begunAt}  ${state.padEnd(6)}  ${live ? ' ' : 'x'}  ${serial}  ${uid ?? '-'}  ${station}  ${what}`;
}

/** Throws `usage`. */
function valuesOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [, name, value] = /^([a-z]+(?:\.[\w-]+)?)=(.*)$/su.exec(text) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new FlashlineError('usage', {
        params: { detail: `--value is name=value such as scan.batch=7B, not ${text}` },
      });
    }),
  );
}
