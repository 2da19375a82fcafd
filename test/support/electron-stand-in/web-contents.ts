import { readFileSync } from 'node:fs';
import type { Browser } from './app.ts';
import type { CdpSession } from './cdp.ts';
import { decodeClone, encodeClone } from './clone.ts';
import { Frames } from './frames.ts';
import type { StandInIpcMain } from './ipc-main.ts';
import { BINDING, INTERNALS, ISOLATED_WORLD } from './page-worlds.ts';
import { installPreload, openPage } from './page.ts';
import type { StandInProtocol } from './protocol.ts';
import { RequestFilter } from './request-filter.ts';
import type { Schemes } from './schemes.ts';
import type { StandInSession } from './session.ts';
import { StandInEmitter, preventable } from './shape.ts';
import type { EventsOf, Shape } from './shape.ts';

type ContentsEvents = EventsOf<
  Electron.WebContents,
  {
    'will-navigate': [Electron.Event & Electron.WebContentsWillNavigateEventParams];
    'will-frame-navigate': [Electron.Event & Electron.WebContentsWillFrameNavigateEventParams];
    'did-navigate': [Electron.Event, string, number, string];
    'did-finish-load': [];
    'did-fail-load': [Electron.Event, number, string, string, boolean, number, number];
    'preload-error': [Electron.Event, string, Error];
    'render-process-gone': [Electron.Event, Electron.RenderProcessGoneDetails];
    destroyed: [];
  }
>;

type ContentsShape = Shape<
  Electron.WebContents,
  | 'id'
  | 'mainFrame'
  | 'send'
  | 'reload'
  | 'getURL'
  | 'isDestroyed'
  | 'setWindowOpenHandler'
  | 'forcefullyCrashRenderer'
  | 'loadURL'
>;

export interface ContentsParts {
  readonly id: number;
  readonly browser: () => Promise<Browser>;
  readonly schemes: Schemes;
  readonly ipcMain: StandInIpcMain;
  readonly protocol: StandInProtocol;
  readonly session: StandInSession;
  readonly preload: string | undefined;
}

/** As posted by the isolated world; see page-worlds.ts. */
type Posted =
  | { readonly type: 'send'; readonly channel: string; readonly args: string }
  | { readonly type: 'preload-error'; readonly message: string };

/** net::ERR_ABORTED: what a load that the app refused ends with. */
const ERR_ABORTED = -3;

export class StandInWebContents extends StandInEmitter<ContentsEvents> implements ContentsShape {
  readonly id: number;
  readonly #parts: ContentsParts;
  readonly #frames: Frames;
  readonly #page: Promise<CdpSession>;
  /** The load that the app itself asked for: nobody is asked whether it may happen. */
  readonly #filter: RequestFilter;
  #openHandler: Parameters<Electron.WebContents['setWindowOpenHandler']>[0] | null = null;
  #lastOpen = '';
  #loaded = Promise.withResolvers<void>();
  #destroyed = false;

  constructor(parts: ContentsParts) {
    super();
    this.id = parts.id;
    this.#parts = parts;
    this.#frames = new Frames(parts.schemes);
    this.#filter = new RequestFilter(parts, this.#frames, (url, frameId) => this.#mayGo(url, frameId));
    this.#page = this.#open();
  }

  get mainFrame(): Electron.WebFrameMain {
    return this.#frames.main;
  }

  getURL(): string {
    const { url } = this.#frames.main;
    return url === 'about:blank' ? '' : url;
  }

  isDestroyed(): boolean {
    return this.#destroyed;
  }

  setWindowOpenHandler(handler: Parameters<Electron.WebContents['setWindowOpenHandler']>[0]): void {
    this.#openHandler = handler;
  }

  async loadURL(url: string): Promise<void> {
    const page = await this.#page;
    const target = this.#parts.schemes.toBrowser(url);
    this.#filter.expect(target);
    this.#loaded = Promise.withResolvers<void>();
    const { errorText } = await page.send<{ errorText?: string }>('Page.navigate', { url: target });
    if (errorText === undefined) return this.#loaded.promise;
    this.tell('did-fail-load', preventable({}).event, ERR_ABORTED, errorText, url, true, 1, 1);
    throw new Error(`${errorText} loading '${url}'`);
  }

  reload(): void {
    // What the reload comes to is told by events.
    void this.loadURL(this.getURL()).catch(() => undefined);
  }

  send(channel: string, ...args: unknown[]): void {
    const text = encodeClone(args);
    const context = this.#frames.contextIn('top');
    if (context !== null)
      this.#inWorld(context, `(channel, text) => ${INTERNALS}.deliver(channel, text)`, [channel, text]);
  }

  forcefullyCrashRenderer(): void {
    // The page's end is its answer.
    void this.#page.then((page) => page.send('Page.crash')).catch(() => undefined);
  }

  /** Past the preload: what a page could send whose own process has been taken over. */
  forge(from: 'top' | 'inner', channel: string, args: readonly unknown[]): void {
    const context = this.#frames.contextIn(from);
    if (context === null) throw new Error(`there is no ${from} frame to send from`);
    this.#inWorld(context, `(channel, args) => ${INTERNALS}.ipcRenderer.send(channel, ...JSON.parse(args))`, [
      channel,
      JSON.stringify(args),
    ]);
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.tell('destroyed');
    await this.#page.then((page) => page.send('Page.close')).catch(() => undefined);
  }

  async #open(): Promise<CdpSession> {
    const browser = await this.#parts.browser();
    const { session: page } = await openPage(browser, () => this.#mayOpen());
    await this.#frames.watch(page, ISOLATED_WORLD);
    this.#listen(page);
    await page.send('Inspector.enable');
    await this.#parts.session.applyPermissions(browser.connection.session(), asContents(this));
    await this.#filter.start(page);
    const { preload } = this.#parts;
    if (preload !== undefined) await installPreload(page, readFileSync(preload, 'utf8'));
    return page;
  }

  #listen(page: CdpSession): void {
    page.on<{ name: string; payload: string; executionContextId: number }>('Runtime.bindingCalled', (called) => {
      if (called.name === BINDING) this.#posted(JSON.parse(called.payload) as Posted, called.executionContextId);
    });
    page.on<{ url: string }>('Page.windowOpen', ({ url }) => (this.#lastOpen = url));
    page.on('Page.loadEventFired', () => {
      this.#loaded.resolve();
      this.tell('did-finish-load');
    });
    page.on<{ frame: { parentId?: string; url: string } }>('Page.frameNavigated', ({ frame }) => {
      if (frame.parentId === undefined)
        this.tell('did-navigate', preventable({}).event, this.#parts.schemes.toApp(frame.url), 200, 'OK');
    });
    page.on('Inspector.targetCrashed', () =>
      this.tell('render-process-gone', preventable({}).event, { reason: 'crashed', exitCode: 133 }),
    );
  }

  #posted(posted: Posted, context: number): void {
    if (posted.type === 'preload-error') {
      this.tell('preload-error', preventable({}).event, this.#parts.preload ?? '', new Error(posted.message));
      return;
    }
    const senderFrame = this.#frames.byContext(context);
    const sender = asContents(this);
    const event: Electron.IpcMainEvent = {
      ...preventable({}).event,
      type: 'frame',
      sender,
      senderFrame,
      frameId: senderFrame?.routingId ?? 0,
      processId: senderFrame?.processId ?? 0,
      ports: [],
      returnValue: undefined,
      reply: (channel: string, ...args: unknown[]) => this.send(channel, ...args),
    };
    this.#parts.ipcMain.receive(posted.channel, event, decodeClone(posted.args) as unknown[]);
  }

  /** Asks the app's hooks about a load that the page started. */
  #mayGo(url: string, frameId: string): boolean {
    const isMainFrame = this.#frames.isMain(frameId);
    const frame = this.#frames.byId(frameId);
    const details = { url, isMainFrame, isSameDocument: false, frame, initiator: frame };
    const anywhere = preventable(details);
    this.tell('will-frame-navigate', anywhere.event);
    if (anywhere.prevented()) return false;
    if (!isMainFrame) return true;
    const top = preventable(details);
    this.tell('will-navigate', top.event);
    return !top.prevented();
  }

  #mayOpen(): boolean {
    const details: Electron.HandlerDetails = {
      url: this.#lastOpen,
      frameName: '',
      features: '',
      disposition: 'foreground-tab',
      referrer: { url: this.getURL(), policy: 'default' },
    };
    return this.#openHandler?.(details).action !== 'deny';
  }

  #inWorld(context: number, functionDeclaration: string, values: readonly string[]): void {
    const call = { functionDeclaration, executionContextId: context, arguments: values.map((value) => ({ value })) };
    // The document may be replaced while the message is on its way; Electron drops it then, too.
    void this.#page.then((page) => page.send('Runtime.callFunctionOn', call)).catch(() => undefined);
  }
}

export function asContents(contents: StandInWebContents): Electron.WebContents {
  return contents as unknown as Electron.WebContents;
}
