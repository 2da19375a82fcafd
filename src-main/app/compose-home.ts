import { readFileSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as realSleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { createInstance } from 'i18next';
import { z } from 'zod';
import type { Clock, RandomBytes } from '#shared/base/clock.ts';
import type { Failure } from '#shared/model/failure.ts';
import { processesOfThisMachine } from '../log/process-owner.ts';
import { openUnitLog, type SqliteUnitLog } from '../log/sqlite-unit-log.ts';
import type { FailureText } from '../station/options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The computer's own clock: the only place that reads it. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await realSleep(ms, undefined, signal ? { signal } : {});
    } catch (thrown) {
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};

export const realRandom: RandomBytes = (length) => new Uint8Array(randomBytes(length));

/** Where this station keeps its data: $FLASHLINE_HOME, else the OS's app-data folder. */
export function homeFolder(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (env['FLASHLINE_HOME']) return env['FLASHLINE_HOME'];
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Flashline');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Flashline');
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'flashline');
}

/** Throws `log-unwritable` or `log-damaged`. */
export function openLogOf(home: string): SqliteUnitLog {
  return openUnitLog({ file: join(home, 'station.db'), clock: realClock, processes: processesOfThisMachine() });
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
