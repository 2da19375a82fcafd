import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RandomBytes } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { startBridgeServer, type BridgeServer } from '../bridge/server.ts';
import type { Station } from '../station/station.ts';
import { findBrowser, hasDisplay, openAppWindow } from './app-window.ts';
import { hostOpening, hostStation, type StationHost, type SyncDesk } from './host.ts';
import { untilAborted } from './until-aborted.ts';

/** Flashes a bench unit without any screen. */
const TERMINAL_TRY =
  'npx flashline flash --release resources/demo/hello-nrf52840 --serial HB800001 --probe bench:nrf52840';

/** As it was put together (compose.ts): what is shown of it. */
interface Opened {
  readonly station: Station;
  readonly sync: SyncDesk;
  close(): Promise<void>;
}

export interface BrowserShellOptions {
  /** Puts the station together, telling where its log takes long to open. It is closed with the shell. */
  readonly open: (opening: (opening: LogOpening) => void) => Promise<Opened>;
  /** 0 takes any free port. */
  readonly port: number;
  /** Open an app window when this computer can show one. */
  readonly openWindow: boolean;
  /** Folder of the built screens (dist/renderer). */
  readonly files: string;
  /** Folder for the app window's browser profile. */
  readonly home: string;
  readonly random: RandomBytes;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** For people; one line a call. */
  readonly say: (line: string) => void;
  /** Ends the shell. */
  readonly signal: AbortSignal;
}

/**
 * Serves the station to browsers until `signal` aborts. Where its log takes long to open, the address is there before it, and the
 * page says what is going on; else it is told once there is something to see.
 */
export async function runBrowserShell(options: BrowserShellOptions): Promise<void> {
  const { say, signal } = options;
  const host = hostOpening();
  const shell = await serveHost(host, options);
  let isAnnounced = false;
  const announce = (): void => {
    if (isAnnounced) return;
    isAnnounced = true;
    say(`Flashline is at ${shell.url}`);
    announceWindow(shell.url, options);
    say('Ctrl+C stops it.');
  };
  let opened: Opened | null = null;
  try {
    opened = await options.open((opening) => {
      host.opening(opening);
      announce();
    });
    host.opened(opened.station, opened.sync);
    announce();
    await untilAborted(signal);
    say('Stopping.');
  } finally {
    await shell.close();
    await opened?.close();
  }
}

interface ServeOptions extends Pick<BrowserShellOptions, 'port' | 'files' | 'random'> {
  readonly station: Station;
  /** Left out: a station that keeps to itself. */
  readonly sync?: SyncDesk;
}

/** A station that is put together, without words and windows; closing it stays with whoever made it. */
export function serveStation({ station, sync, ...options }: ServeOptions): Promise<BridgeServer> {
  return serveHost(hostStation(station, sync), options);
}

/** Resolves once browsers can connect. Throws `usage` for a port in use. */
export async function serveHost(
  host: StationHost,
  { files, port, random }: Pick<BrowserShellOptions, 'port' | 'files' | 'random'>,
): Promise<BridgeServer> {
  if (!existsSync(join(files, 'index.html')))
    throw new FlashlineError('file-missing', {
      params: { file: join(files, 'index.html') },
      cause: 'the screens are not built: npm run build',
    });
  try {
    const server = await startBridgeServer({ files, port, random, attach: (client) => host.bridge.attach(client) });
    return {
      ...server,
      async close() {
        host.close();
        await server.close();
      },
    };
  } catch (thrown) {
    host.close();
    throw thrown;
  }
}

function announceWindow(url: string, options: BrowserShellOptions): void {
  const { say, env, platform } = options;
  if (!options.openWindow) return;
  if (!hasDisplay(env, platform)) {
    say('This computer has no display, so no window was opened; the address above stays served.');
    say(`To flash a bench unit from the terminal instead:\n  ${TERMINAL_TRY}`);
    return;
  }
  const browser = findBrowser(env, platform);
  if (browser === undefined) return say('No Chromium, Chrome or Edge was found: open the address above in a browser.');
  say(`Opening it in ${browser}.`);
  openAppWindow(browser, url, join(options.home, 'browser-profile'));
}
