import { Command, CommanderError } from 'commander';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { benchCommand } from './bench.ts';
import { chipsCommand } from './chips.ts';
import { type CliContext, type ExitCode, withExamples } from './command.ts';
import { eraseCommand } from './erase.ts';
import { flashCommand } from './flash.ts';
import { gangCommand } from './gang.ts';
import { identifyCommand } from './identify.ts';
import { inspectCommand } from './inspect.ts';
import { logCommand } from './log.ts';
import { reportFailure } from './outcome.ts';
import { plantCommand } from './plant.ts';
import { probesCommand } from './probes.ts';
import { readCommand } from './read.ts';
import { resetCommand } from './reset.ts';
import { secureElementCommand } from './secure-element.ts';
import { serveCommand } from './serve.ts';
import { svfCommand } from './svf.ts';
import { syncCommand } from './sync.ts';
import { unlockCommand } from './unlock.ts';

/** The whole command line; resolves to the exit code and never rejects. */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const json = args.includes('--json');
  let code: ExitCode = 0;
  const program = programOf(context, (ended) => {
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
    return reportFailure(toFailure(context.signal.aborted ? context.signal.reason : thrown), json, context);
  }
}

function programOf(context: CliContext, end: (code: ExitCode) => void): Command {
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
  for (const make of [
    flashCommand,
    gangCommand,
    probesCommand,
    identifyCommand,
    readCommand,
    secureElementCommand,
    eraseCommand,
    resetCommand,
    svfCommand,
    unlockCommand,
    inspectCommand,
    logCommand,
    syncCommand,
    chipsCommand,
    benchCommand,
    serveCommand,
    plantCommand,
  ])
    program.addCommand(make(context, end));
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
