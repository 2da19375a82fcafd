/** The script of the log's worker thread: whatever keeps something in the station's database is opened and served here. */
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { processesOfThisMachine } from '../log/process-owner.ts';
import { SqliteChainHeads } from '../log/chain-heads.ts';
import type { LogPresence } from '../log/log-presence.ts';
import { freeBytes, spaceGuard } from '../log/disk-space.ts';
import { LogSafety } from '../log/log-safety.ts';
import { openSafely } from '../log/open-safely.ts';
import { openingProgress } from '../log/opening-progress.ts';
import { openLogDatabase } from '../log/log-database.ts';
import { SqliteNumberBook } from '../log/number-book.ts';
import { SqlitePlantStore } from '../log/sqlite-plant-store.ts';
import { SqliteSettings } from '../log/sqlite-settings.ts';
import { SqliteOutbox } from '../log/sqlite-outbox.ts';
import { SqliteUnitLog } from '../log/sqlite-unit-log.ts';
import { type OpeningTells, serve } from '../log/worker/serve.ts';
import { realClock } from './real-clock.ts';

/** What the thread is started with. `ending` is one integer that both threads see: anything but 0 ends an opening that takes long. */
const Data = z.object({ file: z.string(), ending: z.instanceof(SharedArrayBuffer) });
export type LogThreadData = z.infer<typeof Data>;

/**
 * To serve another store over the same file: make it in `open` below on the same database, add it to this type and to what is
 * returned, and hand out `worker.remote('<its name>')` in compose-home.ts. That is all.
 */
export type StationStores = {
  /** The first: it ends after the file was closed. */
  readonly presence: LogPresence;
  /** The second: it closes the file, after all others. */
  readonly log: SqliteUnitLog;
  readonly outbox: SqliteOutbox;
  readonly plant: SqlitePlantStore;
  readonly numbers: SqliteNumberBook;
  readonly settings: SqliteSettings;
  readonly heads: SqliteChainHeads;
  readonly safety: LogSafety;
};

/** Shorter than the time in which a board is changed, longer than that between two steps of a run. */
const PAUSE_MS = 50;

function open({ file, ending }: LogThreadData, { warn, opening }: OpeningTells): StationStores {
  const flag = new Int32Array(ending);
  const isEnded = () => Atomics.load(flag, 0) !== 0;
  const progress = openingProgress({ clock: realClock, tell: opening, isEnded });
  const presence = openSafely({ file, backups: join(dirname(file), 'backups'), clock: realClock, warn, progress });
  try {
    const database = openLogDatabase({ file, clock: realClock, warn, checkpointAfterMs: PAUSE_MS });
    const log = new SqliteUnitLog(database, {
      clock: realClock,
      processes: processesOfThisMachine(),
      requireSpace: spaceGuard({ file, free: freeBytes, warn }),
    });
    return {
      presence,
      log,
      outbox: new SqliteOutbox(database),
      plant: new SqlitePlantStore(database),
      numbers: new SqliteNumberBook(database),
      settings: new SqliteSettings(database),
      heads: new SqliteChainHeads(database),
      safety: new LogSafety(database),
    };
  } catch (thrown) {
    presence.close();
    throw thrown;
  }
}

if (parentPort === null) throw new Error('log-thread.ts is the script of a worker thread');
const data = Data.parse(workerData);
serve(parentPort, (tells) => open(data, tells));
