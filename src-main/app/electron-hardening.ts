import type { Session, WebContents } from 'electron';
import { SCHEME, isOurs } from './electron-protocol.ts';

type Tell = (line: string) => void;

/**
 * The page gets no permission and no device, asks nobody, and reaches no network: probes are the main process's, and
 * whatever the page needs is in the app.
 */
export function hardenSession(session: Session, development: boolean, tell: Tell): void {
  session.setPermissionRequestHandler((_contents, permission, answer) => {
    tell(`page: refused the permission "${permission}"`);
    answer(false);
  });
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, answer) => answer(null));

  const schemes = development ? [`${SCHEME}:`, 'devtools:'] : [`${SCHEME}:`];
  session.webRequest.onBeforeRequest(({ url }, answer) => {
    const scheme = URL.parse(url)?.protocol ?? '';
    // Data and blob URLs never leave the page; the content security policy says where they may be used.
    const cancel = ![...schemes, 'data:', 'blob:'].includes(scheme);
    if (cancel) tell(`page: refused to fetch ${scheme}//${URL.parse(url)?.host ?? ''}`);
    answer({ cancel });
  });
}

/** For every web contents that comes to be, ours included: it stays where it is, opens nothing, embeds nothing. */
export function hardenContents(contents: WebContents, tell: Tell): void {
  contents.on('will-navigate', (details) => {
    if (details.isMainFrame && isOurs(details.url) && isOurs(contents.getURL()) && sameDocument(details.url, contents))
      return;
    details.preventDefault();
    tell(`page: refused to go to ${details.url}`);
  });
  contents.on('will-frame-navigate', (details) => {
    if (details.isMainFrame) return;
    details.preventDefault();
    tell(`page: refused to load ${details.url} in a frame`);
  });
  contents.on('will-redirect', (details) => {
    details.preventDefault();
    tell(`page: refused to be redirected to ${details.url}`);
  });
  contents.on('will-attach-webview', (event) => {
    event.preventDefault();
    tell('page: refused to embed a web view');
  });
  contents.setWindowOpenHandler(({ url }) => {
    tell(`page: refused to open ${url}`);
    return { action: 'deny' };
  });
}

/** A page may reload itself; it may not even go to another file of ours. */
function sameDocument(url: string, contents: WebContents): boolean {
  return url.split('#')[0] === contents.getURL().split('#')[0];
}
