import { BrowserWindow, dialog } from 'electron';
import type { MessageBoxOptions } from 'electron';
import type { Clock } from '#shared/base/clock.ts';
import { ORIGIN } from './electron-protocol.ts';
import type { QuitChoice } from './electron-quit.ts';
import type { ShellTexts } from './electron-texts.ts';

export interface WindowParts {
  readonly preload: string;
  readonly kiosk: boolean;
  readonly hidden: boolean;
  readonly development: boolean;
  readonly texts: ShellTexts;
  readonly clock: Clock;
  readonly tell: (line: string) => void;
}

/** More losses of the page's process than this within the time below, and reloading it once more helps nobody. */
const MOST_LOSSES = 3;
const LOSSES_WITHIN_MS = 60_000;

/** How long a page may not answer before its process is given up. Runs are the main process's and go on. */
const UNRESPONSIVE_MS = 15_000;

export function createWindow(parts: WindowParts): BrowserWindow {
  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    show: false,
    kiosk: parts.kiosk,
    autoHideMenuBar: true,
    backgroundColor: '#f4f5f6',
    webPreferences: {
      preload: parts.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: parts.development,
    },
  });
  if (!parts.hidden) window.once('ready-to-show', () => window.show());
  watchPage(window, parts);
  return window;
}

export function showPage(window: BrowserWindow): Promise<void> {
  return window.loadURL(`${ORIGIN}/`);
}

export function bringToFront(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

/** Asks what becomes of the running slots. Closing the dialog, or Enter by accident, harms no unit. */
export async function askBeforeQuit(
  window: BrowserWindow,
  running: readonly string[],
  texts: ShellTexts,
): Promise<QuitChoice> {
  const choices: readonly (readonly [QuitChoice, string])[] = [
    ['stay', texts.stay],
    ['when-done', texts.quitWhenDone],
    ['abort', texts.quitAbort],
  ];
  const options: MessageBoxOptions = {
    type: 'warning',
    message: texts.quitQuestion,
    detail: texts.quitDetail.replace('{{slots}}', running.join(', ')),
    buttons: choices.map(([, label]) => label),
    defaultId: 0,
    cancelId: 0,
    noLink: true,
  };
  const { response } = await dialog.showMessageBox(window, options);
  return choices[response]?.[0] ?? 'stay';
}

/** A page whose process dies or hangs is told of and loaded again. */
function watchPage(window: BrowserWindow, { clock, tell, texts }: WindowParts): void {
  const contents = window.webContents;
  const losses: number[] = [];
  let patience: AbortController | null = null;

  contents.on('render-process-gone', (_event, { reason, exitCode }) => {
    if (reason === 'clean-exit' || window.isDestroyed()) return;
    tell(`page: its process is gone (${reason}, exit code ${exitCode}); loading it again`);
    const now = clock.monotonic();
    losses.push(now);
    if (losses.filter((at) => now - at < LOSSES_WITHIN_MS).length > MOST_LOSSES) {
      tell('page: lost too often; not loading it again');
      dialog.showErrorBox(texts.screenGone, texts.screenGoneDetail);
      return;
    }
    contents.reload();
  });
  contents.on('did-fail-load', (_event, code, description, url, isMainFrame) => {
    if (isMainFrame) tell(`page: ${url} did not load: ${description} (${code})`);
  });
  contents.on('preload-error', (_event, _path, error) => tell(`page: the preload script failed: ${error.message}`));
  contents.on('unresponsive', () => {
    tell('page: does not answer');
    patience ??= new AbortController();
    void giveUpLater(patience.signal);
  });
  const giveUpLater = async (signal: AbortSignal): Promise<void> => {
    try {
      await clock.sleep(UNRESPONSIVE_MS, signal);
    } catch {
      // Only `responsive` aborts it.
      return tell('page: answers again');
    }
    tell('page: given up, ending its process');
    contents.forcefullyCrashRenderer();
  };
  contents.on('responsive', () => {
    patience?.abort();
    patience = null;
  });
}
