/**
 * Takes the place of the module `electron` in tests: its windows are pages of a real Chromium, driven over the DevTools
 * protocol. What it offers is what the app uses, of Electron's own types; anything else is missing, loudly.
 *
 * Where it differs from Electron: schemes of the app travel as https (schemes.ts); permission handlers are asked once, when
 * a window opens (session.ts); `window.open` hands the page a window that is closed at once instead of null; loads that
 * reach no network (about:, blob:) do not pass `will-navigate`.
 */
import { StandInApp } from './app.ts';
import { browserWindowClass } from './browser-window.ts';
import { Control } from './control.ts';
import { createDialog } from './dialog.ts';
import { StandInIpcMain } from './ipc-main.ts';
import { StandInProtocol } from './protocol.ts';
import { StandInSafeStorage } from './safe-storage.ts';
import { Schemes } from './schemes.ts';
import { StandInSession } from './session.ts';
import type { Shape } from './shape.ts';

const control = new Control();
const schemes = new Schemes();
const defaultSession = new StandInSession();

export const app = new StandInApp(control);
export const ipcMain = new StandInIpcMain();
export const protocol = new StandInProtocol(schemes, () => app.isReady());
export const dialog = createDialog(control);
export const session = { defaultSession };
export const safeStorage = new StandInSafeStorage(app);
export const Menu: Shape<typeof Electron.Menu, 'setApplicationMenu'> = { setApplicationMenu: () => undefined };
export const BrowserWindow = browserWindowClass({
  app,
  control,
  schemes,
  ipcMain,
  protocol,
  session: defaultSession,
  browser: () => app.browser(),
});
