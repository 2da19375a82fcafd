import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Chromium } from './chromium.ts';
import { startChromium } from './chromium.ts';
import { CdpConnection } from './cdp.ts';
import type { Control } from './control.ts';
import { StandInEmitter, preventable } from './shape.ts';
import type { EventsOf, Shape } from './shape.ts';
import { InstanceLock } from './single-instance.ts';

type AppEvents = EventsOf<
  Electron.App,
  {
    'before-quit': [Electron.Event];
    'will-quit': [Electron.Event];
    quit: [Electron.Event, number];
    'window-all-closed': [];
    'second-instance': [Electron.Event, string[], string, unknown];
    'web-contents-created': [Electron.Event, Electron.WebContents];
  }
>;

type AppShape = Shape<
  Electron.App,
  | 'whenReady'
  | 'isReady'
  | 'quit'
  | 'exit'
  | 'enableSandbox'
  | 'requestSingleInstanceLock'
  | 'hasSingleInstanceLock'
  | 'setPath'
  | 'getPath'
  | 'getAppPath'
  | 'getVersion'
  | 'getLocale'
  | 'isPackaged'
>;

/** What the app has to know of its windows to end them. */
export interface Closable {
  close(): void;
  destroy(): void;
}

export interface Browser {
  readonly chromium: Chromium;
  readonly connection: CdpConnection;
}

export class StandInApp extends StandInEmitter<AppEvents> implements AppShape {
  readonly isPackaged = false;
  readonly commandLine: Shape<Electron.CommandLine, 'hasSwitch' | 'getSwitchValue'> = {
    hasSwitch: (name) => process.argv.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)),
    getSwitchValue: (name) => process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '',
  };
  readonly windows = new Set<Closable>();
  readonly #control: Control;
  readonly #paths = new Map<string, string>();
  readonly #ready = Promise.withResolvers<void>();
  #lock: InstanceLock | null = null;
  #browser: Promise<Browser> | null = null;
  #isReady = false;
  #sandboxed = false;
  #leaving = false;

  constructor(control: Control) {
    super();
    this.#control = control;
    // The main module must have been loaded before the app becomes ready, as in Electron.
    setImmediate(() => {
      this.#isReady = true;
      this.#ready.resolve();
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.quit());
    control.onAsked((asked) => (asked.type === 'quit' ? this.quit() : undefined));
  }

  get sandboxed(): boolean {
    return this.#sandboxed;
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  isReady(): boolean {
    return this.#isReady;
  }

  enableSandbox(): void {
    if (this.#isReady) throw new Error('app.enableSandbox() can only be called before app is ready');
    this.#sandboxed = true;
  }

  setPath(name: string, path: string): void {
    this.#paths.set(name, path);
  }

  getPath(name: Parameters<Electron.App['getPath']>[0]): string {
    const path = this.#paths.get(name);
    if (path === undefined) throw new Error(`the stand-in has no ${name} folder until the app sets one`);
    return path;
  }

  getAppPath(): string {
    let folder = dirname(process.argv[1] ?? '.');
    while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
    return folder;
  }

  getVersion(): string {
    return (JSON.parse(readFileSync(join(this.getAppPath(), 'package.json'), 'utf8')) as { version: string }).version;
  }

  getLocale(): string {
    return this.commandLine.getSwitchValue('lang') || 'en-US';
  }

  requestSingleInstanceLock(): boolean {
    this.#lock ??= new InstanceLock(this.getPath('userData'));
    return this.#lock.take((argv, folder) =>
      this.tell('second-instance', preventable({}).event, argv, folder, undefined),
    );
  }

  hasSingleInstanceLock(): boolean {
    return this.#lock?.held ?? false;
  }

  /** Electron's order: `before-quit`, every window's `close`, `will-quit`, `quit`. */
  quit(): void {
    if (this.#leaving) return;
    const asked = preventable({});
    this.tell('before-quit', asked.event);
    if (asked.prevented()) return;
    for (const window of this.windows) window.close();
    if (this.windows.size > 0) return;
    const will = preventable({});
    this.tell('will-quit', will.event);
    if (!will.prevented()) this.exit(0);
  }

  exit(exitCode = 0): void {
    if (this.#leaving) return;
    this.#leaving = true;
    for (const window of this.windows) window.destroy();
    this.tell('quit', preventable({}).event, exitCode);
    void this.#end(exitCode);
  }

  windowGone(window: Closable): void {
    this.windows.delete(window);
    if (this.windows.size > 0 || this.#leaving) return;
    if (this.listenerCount('window-all-closed') > 0) this.tell('window-all-closed');
    else this.quit();
  }

  contentsCreated(contents: Electron.WebContents): void {
    this.tell('web-contents-created', preventable({}).event, contents);
  }

  /** The one Chromium behind all windows, started with the first. */
  browser(): Promise<Browser> {
    this.#browser ??= this.#startBrowser();
    return this.#browser;
  }

  async #startBrowser(): Promise<Browser> {
    const port = this.commandLine.getSwitchValue('remote-debugging-port') || '0';
    const chromium = await startChromium(this.getPath('userData'), port);
    if (this.commandLine.hasSwitch('remote-debugging-port')) {
      process.stderr.write(`DevTools listening on ${chromium.endpoint}\n`);
    }
    this.#control.tell({ type: 'browser', endpoint: chromium.endpoint });
    return { chromium, connection: await CdpConnection.open(chromium.endpoint) };
  }

  async #end(exitCode: number): Promise<void> {
    const browser = await this.#browser;
    browser?.connection.close();
    await browser?.chromium.close();
    await this.#lock?.release();
    process.exit(exitCode);
  }
}
