import type { Command } from 'commander';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { failureLines } from './outcome.ts';
import { requireEnrolled, withSync } from './with-sync.ts';

/** Deliberate, by somebody who knows why the log went back: what the plant has and the log has are both kept. */
export function logRejoinCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command(
    'rejoin',
    'after runs on a log that had gone back (an old backup): its records go to the plant beside those that it has',
    ['log rejoin'],
  ).action(async (options: CommonOptions) => {
    const { rejoined, state } = await withSync(context, async (sync) => {
      requireEnrolled(sync);
      return sync.rejoin(context.signal);
    });
    const { failure, pending } = state;
    if (options.json) context.print(JSON.stringify({ type: 'log.rejoined', ...rejoined, pending, failure }));
    else {
      context.print(
        rejoined === null
          ? 'Log and plant tell one story: nothing had to be set right.'
          : `Both have record ${rejoined.common}. After it ${rejoined.own} of this log went on under a name of their own; ${rejoined.elsewhere} others are kept by the plant.`,
      );
      context.print(`${pending} records are not at the plant yet.`);
      if (failure) for (const line of failureLines(failure, context.describeFailure(failure))) context.say(line);
    }
    end(failure === null ? 0 : 3);
  });
}
