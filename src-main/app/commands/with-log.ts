import { homeFolder, openStoresOf, type StationLog, type Stores } from '../compose-home.ts';
import type { CliContext } from './command.ts';
import { warningLine } from './outcome.ts';

/** Opens the station's log for one command, and closes it whatever happens. */
export async function withLog<T>(context: CliContext, work: (log: StationLog) => Promise<T>): Promise<T> {
  return withStores(context, ({ log }) => work(log));
}

export async function withStores<T>(context: CliContext, work: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = await openStoresOf(homeFolder(context.env), (failure) => context.say(warningLine(failure, context)));
  try {
    return await work(stores);
  } finally {
    await stores.log.close();
  }
}
