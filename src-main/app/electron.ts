import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Menu, app, dialog, protocol, safeStorage, session } from 'electron';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { failureTexts, homeFolder, realClock, realRandom } from './compose-home.ts';
import { composeHost } from './compose-host.ts';
import { stationKey } from './compose-key.ts';
import { hardenContents, hardenSession } from './electron-hardening.ts';
import { type ShellHost, shellHost } from './electron-host.ts';
import { serveBridge } from './electron-ipc.ts';
import { electronSeal } from './electron-key.ts';
import { type ShellOptions, shellOptions } from './electron-options.ts';
import { PRIVILEGED_SCHEME, SCHEME, serveAssets } from './electron-protocol.ts';
import { QuitGuard } from './electron-quit.ts';
import { type ShellTexts, shellTexts } from './electron-texts.ts';
import { askBeforeQuit, bringToFront, createWindow, showPage } from './electron-window.ts';
import { reserveThreads } from './reserve-threads.ts';

/** A station error, as the command line counts them. */
const EXIT_STATION = 3;
const EXIT_USAGE = 2;

function tell(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`);
}

/**
 * Everything up to `whenReady` must happen without waiting: Electron takes schemes, the sandbox and the lock only before
 * it is ready, and becomes ready only after this module has been loaded.
 */
function start(): void {
  reserveThreads(process.env);
  const home = homeFolder(process.env);
  const userData = join(home, 'shell');
  mkdirSync(userData, { recursive: true });
  // The lock is on this folder, so there is one app to a station's data, and it can be tried beside a real one.
  app.setPath('userData', userData);
  if (app.isPackaged && app.commandLine.hasSwitch('remote-debugging-port')) {
    tell('Flashline does not start with its page open to a debugger.');
    return app.exit(EXIT_USAGE);
  }
  if (!app.requestSingleInstanceLock()) {
    tell('Flashline runs already with this data; its window comes to the front.');
    return app.quit();
  }
  app.enableSandbox();
  protocol.registerSchemesAsPrivileged([PRIVILEGED_SCHEME]);
  Menu.setApplicationMenu(null);
  app.on('web-contents-created', (_event, contents) => hardenContents(contents, tell));
  app.on('child-process-gone', (_event, { type, reason }) => tell(`${type} process is gone: ${reason}`));
  app.on('window-all-closed', () => app.quit());

  const resources = join(app.getAppPath(), 'resources');
  void openWhenReady(home, resources);
}

async function openWhenReady(home: string, resources: string): Promise<void> {
  await app.whenReady();
  const texts = shellTexts(resources, app.getLocale());
  try {
    await open(shellOptions(process.argv.slice(1)), { home, resources, texts });
  } catch (thrown) {
    giveUp(texts, resources, thrown);
  }
}

interface Places {
  readonly home: string;
  readonly resources: string;
  readonly texts: ShellTexts;
}

async function open(options: ShellOptions, { home, resources, texts }: Places): Promise<void> {
  const development = !app.isPackaged;
  hardenSession(session.defaultSession, development, tell);
  protocol.handle(SCHEME, serveAssets(join(import.meta.dirname, '..', 'renderer')));
  const { bench, release, probes, kiosk, hidden } = options;
  const inWords = failureTexts(resources);
  const stop = new AbortController();
  const composing = composeHost({
    resources,
    home,
    appVersion: app.getVersion(),
    bench,
    release,
    probes,
    key: stationKey(home, realRandom, () =>
      electronSeal({ safeStorage, platform: process.platform, clock: realClock }),
    ),
    warn: (failure) => tell(`${failure.code}: ${inWords(failure).message} ${failure.cause ?? ''}`),
    signal: stop.signal,
    opening: (opening) => hear(opening),
  });
  const host = shellHost(async () => {
    stop.abort(new FlashlineError('aborted', { cause: 'the window was closed' }));
    const composed = await composing.catch(() => null);
    await composed?.close();
  });

  let shown: Promise<void> | null = null;
  const show = (): Promise<void> => (shown ??= showStation(host, { kiosk, hidden, development, texts, resources }));
  const hear = (opening: LogOpening): void => {
    tell(`the log takes long to open: ${opening.step} ${opening.percent ?? '?'} %`);
    host.opening(opening);
    // What it fails with is heard below.
    show().catch(() => undefined);
  };
  try {
    const { station, sync } = await composing;
    host.opened(station, sync);
  } catch (thrown) {
    // Closed while its log was opened: whoever did that waits for no more.
    if (stop.signal.aborted) return;
    throw thrown;
  }
  await show();
}

interface ShownStation {
  readonly kiosk: boolean;
  readonly hidden: boolean;
  readonly development: boolean;
  readonly texts: ShellTexts;
  readonly resources: string;
}

/** The one window; closing it is quitting, from its first moment on. */
async function showStation(host: ShellHost, { resources, ...look }: ShownStation): Promise<void> {
  const { texts } = look;
  const preload = join(import.meta.dirname, 'preload.cjs');
  const window = createWindow({ preload, ...look, clock: realClock, tell });
  const stopServing = serveBridge(window, host.attach, tell);
  app.on('second-instance', () => bringToFront(window));
  guardQuit(host, {
    window,
    ask: (running) => askBeforeQuit(window, running, texts),
    stopServing,
    failed: (thrown) => giveUp(texts, resources, thrown),
  });
  await showPage(window);
}

interface QuitGuarding {
  readonly window: ReturnType<typeof createWindow>;
  readonly ask: (running: readonly string[]) => ReturnType<typeof askBeforeQuit>;
  readonly stopServing: () => void;
  readonly failed: (thrown: unknown) => void;
}

/** Closing the window is quitting; quitting goes on once the guard has let it. */
function guardQuit(host: ShellHost, { window, ask, stopServing, failed }: QuitGuarding): void {
  const guard = new QuitGuard({
    ask,
    running: host.running,
    abortAll: host.abortAll,
    idle: host.idle,
    async close() {
      stopServing();
      await host.close();
    },
  });
  window.on('close', (event) => {
    if (guard.passed) return;
    event.preventDefault();
    app.quit();
  });
  app.on('before-quit', (event) => {
    if (guard.passed) return;
    event.preventDefault();
    guard.request().then((go) => (go ? app.quit() : undefined), failed);
  });
  // Windows asks before it logs off; it shows the user which program holds it up.
  window.on('query-session-end', (event) => {
    if (host.running().length > 0) event.preventDefault();
  });
}

function giveUp(texts: ShellTexts, resources: string, thrown: unknown): void {
  const failure = toFailure(thrown);
  const { message, remedy } = failureTexts(resources)(failure);
  tell(`${failure.code}: ${message} ${failure.cause ?? ''}`);
  dialog.showErrorBox(texts.startFailed, `${message}\n${remedy}`);
  app.exit(EXIT_STATION);
}

start();
