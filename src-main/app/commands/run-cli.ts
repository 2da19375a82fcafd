import { Command, CommanderError } from 'commander';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { type CliContext, type ExitCode, withExamples } from './command.ts';
import { reportFailure } from './outcome.ts';

type End = (code: ExitCode) => void;
type MakeCommand = (context: CliContext, end: End) => Command;

/** In the order that help shows; a command's code is loaded when it is asked for. */
const COMMANDS: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  flash: async () => (await import('./flash.ts')).flashCommand,
  gang: async () => (await import('./gang.ts')).gangCommand,
  probes: async () => (await import('./probes.ts')).probesCommand,
  identify: async () => (await import('./identify.ts')).identifyCommand,
  read: async () => (await import('./read.ts')).readCommand,
  'secure-element': async () => (await import('./secure-element.ts')).secureElementCommand,
  efuse: async () => (await import('./efuse.ts')).efuseCommand,
  erase: async () => (await import('./erase.ts')).eraseCommand,
  reset: async () => (await import('./reset.ts')).resetCommand,
  svf: async () => (await import('./svf.ts')).svfCommand,
  unlock: async () => (await import('./unlock.ts')).unlockCommand,
  inspect: async () => (await import('./inspect.ts')).inspectCommand,
  'checksum-block': async () => (await import('./checksum-block.ts')).checksumBlockCommand,
  nvs: async () => (await import('./nvs.ts')).nvsCommand,
  partitions: async () => (await import('./partitions.ts')).partitionsCommand,
  release: async () => (await import('./release.ts')).releaseCommand,
  manufacturing: async () => (await import('./manufacturing.ts')).manufacturingCommand,
  log: async () => (await import('./log.ts')).logCommand,
  numbers: async () => (await import('./number-sources.ts')).numbersCommand,
  sync: async () => (await import('./sync.ts')).syncCommand,
  settings: async () => (await import('./settings.ts')).settingsCommand,
  chips: async () => (await import('./chips.ts')).chipsCommand,
  bench: async () => (await import('./bench.ts')).benchCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  plant: async () => (await import('./plant.ts')).plantCommand,
};

/** The one command that the line begins with; all of them where it begins with anything else (help, a slip of the pen). */
async function commandsFor([first = '']: readonly string[]): Promise<readonly MakeCommand[]> {
  const only = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  return Promise.all((only ? [only] : Object.values(COMMANDS)).map((load) => load()));
}

/** The whole command line; resolves to the exit code and never rejects. */
export async function runCli(args: readonly string[], given: CliContext): Promise<ExitCode> {
  const json = args.includes('--json');
  const context = { ...given, json };
  let code: ExitCode = 0;
  const program = await programOf(args, context, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      const detail = thrown.message.replace(/^error: /u, '');
      // Commander has said it on stderr already; a program that reads JSON is told on stdout.
      return json ? reportFailure(new FlashlineError('usage', { params: { detail } }).failure, true, context) : 2;
    }
    const failure = toFailure(thrown);
    // Why it was stopped is what matters, unless what was stopped says more: there was no board yet.
    const isTold = !context.signal.aborted || failure.code === 'log-opening-stopped';
    return reportFailure(isTold ? failure : toFailure(context.signal.reason), json, context);
  }
}

async function programOf(args: readonly string[], context: CliContext, end: End): Promise<Command> {
  const program = withExamples(new Command('flashline'), [
    'flash --release resources/demo/hello-nrf52840 --serial HB000001 --probe bench:nrf52840',
    'serve --bench',
    'log show --serial HB000001',
  ])
    .description('The flashing station of an electronics line.')
    .version(context.appVersion)
    .addHelpText(
      'after',
      '\nEnds with 0 pass, 1 the unit failed, 2 usage, recipe or file error, 3 station, fixture or plant error, 4 aborted.' +
        '\nData is kept in $FLASHLINE_HOME (default: the app-data folder of the operating system).',
    );
  for (const make of await commandsFor(args)) program.addCommand(make(context, end));
  for (const each of [program, ...everyBelow(program)]) {
    each
      .exitOverride()
      .configureOutput({
        writeOut: (text) => context.print(text.trimEnd()),
        writeErr: (text) => context.say(text.trimEnd()),
      })
      .showHelpAfterError(`Try "flashline ${nameOf(each)}--help".`)
      .allowExcessArguments(false);
  }
  return program;
}

function everyBelow(command: Command): Command[] {
  return command.commands.flatMap((each) => [each, ...everyBelow(each)]);
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)}${command.name()} ` : '';
}
