import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchSamples, withFaults } from '#main/app/bench-samples.ts';
import { serveStation } from '#main/app/browser.ts';
import { connectorOf } from '#main/app/compose-connector.ts';
import { realRandom } from '#main/app/compose-home.ts';
import { composeStation } from '#main/app/compose.ts';
import type { SyncDesk } from '#main/app/host.ts';
import type { Station } from '#main/station/station.ts';
import type { Troubles } from '#main/station/troubles.ts';
import { bundle } from '#test/support/bundle.ts';

export const root = join(import.meta.dirname, '..', '..', '..');
export const resources = join(root, 'resources');

/** The bench's own samples (app/bench-samples.ts), by what they show. */
export const SERIALS = { pass: 'HB000001', pass2: 'HB000002', fail: 'HB900001', error: 'HB900002', wrong: 'XX000001' };

export interface StationUnderTest {
  readonly station: Station;
  /** Carries the token; changes with `restart`. */
  readonly url: () => string;
  /** Stops serving, as a host that died; the station itself lives on. */
  readonly stopServing: () => Promise<void>;
  /** Serves on the same port again; `newSession`: as another process would. */
  readonly serveAgain: (newSession: boolean) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** The real station on the bench, behind the real server; only its log is in a folder of its own. */
export async function startStation(options: {
  readonly files: string;
  /** The bench's virtual seconds to a real one; null: as fast as it computes. */
  readonly pace: number | null;
  readonly home?: string;
  /** What stands in for the plant; none when left out. */
  readonly sync?: SyncDesk;
  /** How many; four when left out. */
  readonly slots?: number;
  /** A folder with a recipe; the demo's when left out. */
  readonly release?: string;
  /** Of every slot, as at a real station; the bench's when left out. */
  readonly probe?: string;
  /** What is wrong with the station itself; nothing when left out. */
  readonly troubles?: Troubles;
}): Promise<StationUnderTest> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), 'flashline-e2e-')));
  const composed = await composeStation({
    resources,
    home,
    appVersion: '0.0.0-test',
    mode: options.probe === undefined ? 'bench' : 'probes',
    release: options.release ?? join(resources, 'demo', 'hello-nrf52840'),
    slots: Array.from({ length: options.slots ?? 4 }, (_, index) => {
      const id = String(index + 1);
      return { id, name: id, probe: options.probe ?? 'bench:nrf52840' };
    }),
    samples: benchSamples,
    autoStart: false,
    ...(options.troubles === undefined ? {} : { troubles: options.troubles }),
    connect: withFaults(connectorOf({ pace: options.pace })),
    warn: (failure) => process.stderr.write(`${JSON.stringify(failure)}\n`),
  });
  const secret = realRandom(64);
  const { station } = composed;
  const sameSession = (length: number): Uint8Array => secret.slice(0, length);
  const sync = options.sync === undefined ? {} : { sync: options.sync };
  let server = await serveStation({ station, ...sync, port: 0, files: options.files, random: sameSession });
  return {
    station,
    url: () => server.url,
    stopServing: () => server.close(),
    async serveAgain(newSession) {
      const random = newSession ? realRandom : sameSession;
      server = await serveStation({ station, ...sync, port: server.port, files: options.files, random });
    },
    async close() {
      await server.close();
      await composed.close();
      if (options.home === undefined) await rm(home, { recursive: true });
    },
  };
}

/** Builds the screens (or by another config: the plant's pages) as they are shipped, into a folder of the test's own. */
export async function buildScreens(config = 'vite.config.ts'): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'flashline-screens-'));
  await bundle(join(root, config), outDir);
  return outDir;
}
