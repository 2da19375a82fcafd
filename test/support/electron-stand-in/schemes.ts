/**
 * An ordinary Chromium knows no schemes of ours. A scheme that the app registers as standard and secure is carried by an
 * https host that exists nowhere: same origin rules, a secure context, and every request answered by the stand-in.
 * `flashline://app/x` travels as `https://app.flashline.electron-stand-in.invalid/x`.
 */
const SUFFIX = 'electron-stand-in.invalid';

export class Schemes {
  readonly #schemes = new Map<string, Electron.Privileges>();

  register(custom: readonly Electron.CustomScheme[]): void {
    for (const { scheme, privileges } of custom) this.#schemes.set(scheme, privileges ?? {});
  }

  isPage(scheme: string): boolean {
    const privileges = this.#schemes.get(scheme);
    return privileges?.standard === true && privileges.secure === true;
  }

  /** The app's URL as Chromium gets it. */
  toBrowser(url: string): string {
    const [, scheme, host, rest] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
    if (scheme === undefined || host === undefined || !this.isPage(scheme)) return url;
    return `https://${host}.${scheme}.${SUFFIX}${rest === '' ? '/' : rest}`;
  }

  /** Chromium's URL or origin as the app knows it. */
  toApp(url: string): string {
    const [, host, scheme, rest] =
      /^https:\/\/([^/?#]*)\.([a-z0-9+-]+)\.electron-stand-in\.invalid(.*)$/.exec(url) ?? [];
    return host === undefined || scheme === undefined ? url : `${scheme}://${host}${rest ?? ''}`;
  }
}
