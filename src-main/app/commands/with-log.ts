import type { Failure } from '#shared/model/failure.ts';
import { homeFolder, openStoresOf, type StationLog, type Stores } from '../compose-home.ts';
import type { CliContext } from './command.ts';
import { warningLine } from './outcome.ts';
import { watchOpening } from './watch-opening.ts';

/** Opens the station's log for one command, and closes it whatever happens. */
export async function withLog<T>(context: CliContext, work: (log: StationLog) => Promise<T>): Promise<T> {
  return withStores(context, ({ log }) => work(log));
}

/** Whoever opens them closes them; an opening that takes long is told of, and Ctrl+C ends it. */
export function openStores(context: CliContext): Promise<Stores> {
  const warn = (failure: Failure) => context.say(warningLine(failure, context));
  return openStoresOf(homeFolder(context.env), warn, watchOpening(context));
}

export async function withStores<T>(context: CliContext, work: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = await openStores(context);
  try {
    return await work(stores);
  } finally {
    await stores.log.close();
  }
}
