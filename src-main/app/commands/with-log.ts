import { homeFolder, openLogOf, type StationLog } from '../compose-home.ts';
import type { CliContext } from './command.ts';
import { warningLine } from './outcome.ts';

/** Opens the station's log for one command, and closes it whatever happens. */
export async function withLog<T>(context: CliContext, work: (log: StationLog) => Promise<T>): Promise<T> {
  const log = await openLogOf(homeFolder(context.env), (failure) => context.say(warningLine(failure, context)));
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}
