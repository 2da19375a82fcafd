import { readFileSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInstance } from 'i18next';
import { z } from 'zod';
import type { Failure } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { LogWorker, type Remotes } from '../log/worker/log-worker.ts';
import type { FailureText } from '../station/options.ts';
import type { LogThreadData, StationStores } from './log-thread.ts';
import { LongOpening } from './long-opening.ts';
import { realClock } from './real-clock.ts';

export { realClock, realRandom } from './real-clock.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where this station keeps its data: $FLASHLINE_HOME, else the OS's app-data folder. */
export function homeFolder(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (env['FLASHLINE_HOME']) return env['FLASHLINE_HOME'];
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Flashline');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Flashline');
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'flashline');
}

/** What the log's thread serves. Closing one of them closes them all: they are over one file. */
export type Stores = Remotes<StationStores>;
export type StationLog = Stores['log'];

/** Beside this file, as it runs: TypeScript, or one bundle beside the other. */
const LOG_THREAD = import.meta.url.endsWith('.ts') ? 'log-thread.ts' : 'log-thread.js';

export interface OpeningWatch {
  /** Ends an opening that takes long; the log stands as it stood. */
  readonly signal?: AbortSignal;
  /** Told of an opening that lasts longer than a second, a few times a second. */
  readonly opening?: (opening: LogOpening) => void;
}

/**
 * Opens what this station keeps, in a thread of its own. Rejects with `log-unwritable` or `log-damaged`, or with `log-opening-stopped`
 * where the signal ended what took long.
 */
export async function openStoresOf(
  home: string,
  warn: (failure: Failure) => void,
  watch: OpeningWatch = {},
): Promise<Stores> {
  const worker = await startWorker(join(home, 'station.db'), warn, watch);
  return {
    log: worker.remote('log'),
    outbox: worker.remote('outbox'),
    plant: worker.remote('plant'),
    numbers: worker.remote('numbers'),
    settings: worker.remote('settings'),
    heads: worker.remote('heads'),
    safety: worker.remote('safety'),
    presence: worker.remote('presence'),
  };
}

async function startWorker(
  file: string,
  warn: (failure: Failure) => void,
  { signal, opening = () => undefined }: OpeningWatch,
): Promise<LogWorker<StationStores>> {
  const entry = new URL(LOG_THREAD, import.meta.url);
  const ending = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const data: LogThreadData = { file, ending: ending.buffer };
  const end = () => Atomics.store(ending, 0, 1);
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end, { once: true });
  const long = new LongOpening(realClock, opening);
  try {
    return await LogWorker.start<StationStores>({
      entry,
      data,
      file,
      clock: realClock,
      warn,
      opening: (told) => long.hear(told),
    });
  } finally {
    long.end();
    signal?.removeEventListener('abort', end);
  }
}

/** The unit log alone. Rejects with `log-unwritable` or `log-damaged`. */
export async function openLogOf(home: string, warn: (failure: Failure) => void = () => undefined): Promise<StationLog> {
  return (await openStoresOf(home, warn)).log;
}

/** Who works where, for the record. */
export function workplace(): { station: string; operator: string } {
  return { station: hostname(), operator: userInfo().username };
}

const Texts = z.record(z.string(), z.object({ sentence: z.string(), remedy: z.string() }));

/** Failures in English words, from the same files as the screens' (resources/locales). */
export function failureTexts(resources: string): (failure: Failure) => FailureText {
  const file = join(resources, 'locales', 'en', 'failures.json');
  const failures = Texts.parse(JSON.parse(readFileSync(file, 'utf8')));
  const words = createInstance();
  void words.init({
    lng: 'en',
    resources: { en: { failures } },
    defaultNS: 'failures',
    initAsync: false,
    interpolation: { escapeValue: false },
  });
  return ({ code, params }) => ({
    message: words.t(`${code}.sentence`, params),
    remedy: words.t(`${code}.remedy`, params),
  });
}
