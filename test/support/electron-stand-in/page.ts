import { randomUUID } from 'node:crypto';
import type { Browser } from './app.ts';
import type { CdpSession } from './cdp.ts';
import { BINDING, ISOLATED_WORLD, isolatedWorldScript, pageWorldScript } from './page-worlds.ts';

interface Attached {
  readonly sessionId: string;
  readonly targetInfo: { readonly targetId: string; readonly type: string; readonly openerId?: string };
  readonly waitingForDebugger: boolean;
}

export interface Page {
  readonly targetId: string;
  readonly session: CdpSession;
}

/** Opens a page of the browser. `onPopup` decides about pages that it opens, before they run: false closes them. */
export async function openPage({ connection }: Browser, onPopup: () => boolean): Promise<Page> {
  const browser = connection.session();
  const sessions = new Map<string, string>();
  const own = Promise.withResolvers<string>();
  let ownTarget: string | null = null;
  browser.on<Attached>('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    const { targetId, type, openerId } = targetInfo;
    sessions.set(targetId, sessionId);
    if (targetId === ownTarget) own.resolve(sessionId);
    const refused = type === 'page' && openerId !== undefined && openerId === ownTarget && !onPopup();
    // A closed page, too, must be let go on: its opener may wait for it.
    if (refused) void browser.send('Target.closeTarget', { targetId }).catch(ignoreGone);
    void connection.session(sessionId).send('Runtime.runIfWaitingForDebugger').catch(ignoreGone);
  });
  await browser.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: true });
  const { targetId } = await browser.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  ownTarget = targetId;
  const attached = sessions.get(targetId);
  if (attached !== undefined) own.resolve(attached);
  const session = connection.session(await own.promise);
  return { targetId, session };
}

/** The preload script of every document to come, in a world of its own, before the document's scripts. */
export async function installPreload(page: CdpSession, preload: string): Promise<void> {
  const crossing = { events: randomUUID() };
  await page.send('Runtime.addBinding', { name: BINDING, executionContextName: ISOLATED_WORLD });
  await page.send('Page.addScriptToEvaluateOnNewDocument', { source: pageWorldScript(crossing) });
  await page.send('Page.addScriptToEvaluateOnNewDocument', {
    source: isolatedWorldScript(crossing, preload),
    worldName: ISOLATED_WORLD,
  });
}

/** A target may close while a message to it is on its way. */
function ignoreGone(reason: Error): void {
  if (!/gone|closed|not found|Session with given id/i.test(reason.message)) throw reason;
}
