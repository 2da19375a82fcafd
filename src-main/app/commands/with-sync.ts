import { type Failure, FlashlineError } from '#shared/model/failure.ts';
import type { Sync } from '../../sync/sync.ts';
import { homeFolder, realRandom, type Stores } from '../compose-home.ts';
import { noSeal, stationKey } from '../compose-key.ts';
import { openSync } from '../compose-sync.ts';
import type { CliContext } from './command.ts';
import { warningLine } from './outcome.ts';
import { openStores } from './with-log.ts';

/** Opens this station's link to its plant for one command, and closes it whatever happens. */
export async function withSync<T>(
  context: CliContext,
  work: (sync: Sync, home: string, stores: Stores) => Promise<T>,
): Promise<T> {
  const home = homeFolder(context.env);
  const warn = (failure: Failure) => context.say(warningLine(failure, context));
  const stores = await openStores(context);
  try {
    const key = stationKey(home, realRandom, noSeal);
    const sync = await openSync({ stores, key, appVersion: context.appVersion, release: () => null, warn });
    try {
      return await work(sync, home, stores);
    } finally {
      await sync.close();
    }
  } finally {
    await stores.log.close();
  }
}

export function requireEnrolled(sync: Sync): NonNullable<Sync['book']> {
  if (sync.book === null) throw new FlashlineError('not-enrolled');
  return sync.book;
}
