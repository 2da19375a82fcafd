import type { StandInApp } from './app.ts';
import type { Control } from './control.ts';
import { StandInEmitter, preventable } from './shape.ts';
import type { EventsOf, Shape } from './shape.ts';
import { StandInWebContents, asContents } from './web-contents.ts';
import type { ContentsParts } from './web-contents.ts';

type WindowEvents = EventsOf<
  Electron.BrowserWindow,
  { close: [Electron.Event]; closed: []; 'ready-to-show': []; show: []; focus: [] }
>;

type WindowShape = Shape<
  Electron.BrowserWindow,
  | 'webContents'
  | 'loadURL'
  | 'show'
  | 'focus'
  | 'close'
  | 'destroy'
  | 'isDestroyed'
  | 'isMinimized'
  | 'isVisible'
  | 'restore'
>;

export interface WindowSurroundings extends Omit<ContentsParts, 'id' | 'preload'> {
  readonly app: StandInApp;
  readonly control: Control;
}

/** Makes the class `BrowserWindow` for one app. */
export function browserWindowClass(around: WindowSurroundings) {
  let nextId = 1;
  return class StandInBrowserWindow extends StandInEmitter<WindowEvents> implements WindowShape {
    readonly #contents: StandInWebContents;
    #visible: boolean;
    #destroyed = false;

    constructor(options: Electron.BrowserWindowConstructorOptions = {}) {
      super();
      if (!around.app.isReady()) throw new Error('Cannot create BrowserWindow before app is ready');
      requireHardened(options.webPreferences ?? {}, around.app.sandboxed);
      this.#visible = options.show !== false;
      this.#contents = new StandInWebContents({ ...around, id: nextId++, preload: options.webPreferences?.preload });
      this.#contents.on('did-finish-load', () => {
        around.control.tell({ type: 'loaded', url: this.#contents.getURL() });
      });
      this.#contents.once('did-finish-load', () => this.tell('ready-to-show'));
      around.app.windows.add(this);
      around.app.contentsCreated(asContents(this.#contents));
      around.control.onAsked((asked) => {
        if (asked.type === 'close-window') this.close();
        if (asked.type === 'crash-page') this.#contents.forcefullyCrashRenderer();
        if (asked.type === 'forge') this.#contents.forge(asked.from, asked.channel, asked.args);
      });
    }

    get webContents(): Electron.WebContents {
      return asContents(this.#contents);
    }

    loadURL(url: string): Promise<void> {
      return this.#contents.loadURL(url);
    }

    show(): void {
      this.#visible = true;
      around.control.tell({ type: 'shown' });
      this.tell('show');
    }

    focus(): void {
      around.control.tell({ type: 'focused' });
      this.tell('focus');
    }

    restore(): void {}

    isMinimized(): boolean {
      return false;
    }

    isVisible(): boolean {
      return this.#visible;
    }

    isDestroyed(): boolean {
      return this.#destroyed;
    }

    close(): void {
      const asked = preventable({});
      this.tell('close', asked.event);
      if (!asked.prevented()) this.destroy();
    }

    destroy(): void {
      if (this.#destroyed) return;
      this.#destroyed = true;
      void this.#contents.destroy();
      this.tell('closed');
      around.app.windowGone(this);
    }
  };
}

/** The stand-in has no page with Node in it: an app that asks for one must fail here as it would be unsafe there. */
function requireHardened(preferences: Electron.WebPreferences, sandboxed: boolean): void {
  const { contextIsolation, nodeIntegration, sandbox, webSecurity, webviewTag, nodeIntegrationInSubFrames } =
    preferences;
  const unsafe =
    contextIsolation === false ||
    nodeIntegration === true ||
    nodeIntegrationInSubFrames === true ||
    webSecurity === false ||
    webviewTag === true ||
    (sandbox === false && !sandboxed);
  if (unsafe) throw new Error('the stand-in runs only isolated, sandboxed pages without Node');
}
