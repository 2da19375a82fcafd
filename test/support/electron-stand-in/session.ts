import type { CdpSession } from './cdp.ts';
import type { Shape } from './shape.ts';

type RequestHandler = Parameters<Electron.Session['setPermissionRequestHandler']>[0];
type CheckHandler = Parameters<Electron.Session['setPermissionCheckHandler']>[0];
type Permission = Parameters<NonNullable<RequestHandler>>[1];
type BeforeRequest = Extract<
  Parameters<Electron.WebRequest['onBeforeRequest']>[0],
  (...args: never[]) => unknown
> | null;
type BeforeRequestDetails = Electron.OnBeforeRequestListenerDetails;

/** Electron's names of permissions beside the DevTools protocol's. */
const PERMISSIONS: readonly (readonly [Permission, string])[] = [
  ['geolocation', 'geolocation'],
  ['notifications', 'notifications'],
  ['media', 'camera'],
  ['media', 'microphone'],
  ['midi', 'midi'],
  ['clipboard-read', 'clipboard-read'],
  ['idle-detection', 'idle-detection'],
  ['persistent-storage', 'persistent-storage'],
  ['window-management', 'window-management'],
  ['local-fonts', 'local-fonts'],
];

type SessionShape = Shape<
  Electron.Session,
  | 'setPermissionRequestHandler'
  | 'setPermissionCheckHandler'
  | 'setDevicePermissionHandler'
  | 'setDisplayMediaRequestHandler'
>;

/**
 * Permission handlers are asked once per permission when a window opens, and Chromium is told the answers, so that it is a
 * real browser that grants or refuses. As in Electron, without handlers everything is granted.
 */
export class StandInSession implements SessionShape {
  #request: RequestHandler = null;
  #check: CheckHandler = null;
  #beforeRequest: BeforeRequest = null;

  readonly webRequest = {
    onBeforeRequest: (listener: BeforeRequest): void => {
      this.#beforeRequest = listener;
    },
  };

  setPermissionRequestHandler(handler: RequestHandler): void {
    this.#request = handler;
  }

  setPermissionCheckHandler(handler: CheckHandler): void {
    this.#check = handler;
  }

  /** Headless Chromium offers no devices and no screens: the handlers are taken and never asked. */
  setDevicePermissionHandler(): void {}
  setDisplayMediaRequestHandler(): void {}

  async applyPermissions(browser: CdpSession, contents: Electron.WebContents): Promise<void> {
    for (const [permission, name] of PERMISSIONS) {
      const granted = await this.#granted(permission, contents);
      await browser.send('Browser.setPermission', { permission: { name }, setting: granted ? 'granted' : 'denied' });
    }
  }

  /** Whether the request may go on. */
  async allows(details: BeforeRequestDetails): Promise<boolean> {
    const listener = this.#beforeRequest;
    if (listener === null) return true;
    const { cancel } = await new Promise<Electron.CallbackResponse>((resolve) => listener(details, resolve));
    return cancel !== true;
  }

  async #granted(permission: Permission, contents: Electron.WebContents): Promise<boolean> {
    const origin = 'https://app.invalid';
    const details = { isMainFrame: true, requestingUrl: `${origin}/` };
    const checked = this.#check?.(contents, permission, origin, { ...details, securityOrigin: origin }) ?? true;
    const ask = this.#request;
    const asked =
      ask === null || (await new Promise<boolean>((resolve) => ask(contents, permission, resolve, details)));
    // An API checks first and asks when the check says no: what is refused must be refused twice.
    return checked || asked;
  }
}
