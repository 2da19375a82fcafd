import type { CdpSession } from './cdp.ts';
import type { Frames } from './frames.ts';
import type { StandInProtocol } from './protocol.ts';
import type { Schemes } from './schemes.ts';
import type { StandInSession } from './session.ts';

interface Paused {
  readonly requestId: string;
  readonly frameId: string;
  readonly resourceType: string;
  readonly request: { readonly url: string; readonly method: string };
}

interface FilterParts {
  readonly schemes: Schemes;
  readonly protocol: StandInProtocol;
  readonly session: StandInSession;
}

type ResourceType = Electron.OnBeforeRequestListenerDetails['resourceType'];

const RESOURCE_TYPES: Readonly<Record<string, ResourceType>> = {
  Document: 'mainFrame',
  Stylesheet: 'stylesheet',
  Script: 'script',
  Image: 'image',
  Font: 'font',
  Media: 'media',
  XHR: 'xhr',
  Fetch: 'xhr',
  WebSocket: 'webSocket',
};

/** Every request of a page passes here: first the navigation hooks, then the session's filter, then the app's own protocol. */
export class RequestFilter {
  readonly #parts: FilterParts;
  readonly #frames: Frames;
  readonly #mayGo: (url: string, frameId: string) => boolean;
  #expected: string | null = null;
  #count = 0;

  constructor(parts: FilterParts, frames: Frames, mayGo: (url: string, frameId: string) => boolean) {
    this.#parts = parts;
    this.#frames = frames;
    this.#mayGo = mayGo;
  }

  /** The app itself loads this next. */
  expect(url: string): void {
    this.#expected = url;
  }

  async start(page: CdpSession): Promise<void> {
    page.on<Paused>('Fetch.requestPaused', (paused) => {
      this.#decide(page, paused).catch((reason: unknown) => {
        process.stderr.write(`stand-in: ${paused.request.url}: ${String(reason)}\n`);
        // The page may be gone by now.
        page.send('Fetch.failRequest', { requestId: paused.requestId, errorReason: 'Failed' }).catch(() => undefined);
      });
    });
    await page.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
  }

  async #decide(page: CdpSession, { requestId, frameId, resourceType, request }: Paused): Promise<void> {
    const url = this.#parts.schemes.toApp(request.url);
    const fail = (errorReason: string) => page.send('Fetch.failRequest', { requestId, errorReason });
    if (resourceType === 'Document' && !this.#isExpected(request.url, frameId) && !this.#mayGo(url, frameId)) {
      await fail('Aborted');
      return;
    }
    const type =
      resourceType === 'Document' && !this.#frames.isMain(frameId) ? 'subFrame' : RESOURCE_TYPES[resourceType];
    const allowed = await this.#parts.session.allows({
      id: ++this.#count,
      url,
      method: request.method,
      resourceType: type ?? 'other',
      referrer: '',
      timestamp: Date.now(),
      uploadData: [],
    });
    if (!allowed) {
      await fail('BlockedByClient');
      return;
    }
    const answer = await this.#parts.protocol.answer(url, request.method);
    if (answer === null) {
      await page.send('Fetch.continueRequest', { requestId });
      return;
    }
    await page.send('Fetch.fulfillRequest', {
      requestId,
      responseCode: answer.status,
      responseHeaders: [...answer.headers].map(([name, value]) => ({ name, value })),
      body: Buffer.from(await answer.arrayBuffer()).toString('base64'),
    });
  }

  #isExpected(url: string, frameId: string): boolean {
    if (!this.#frames.isMain(frameId) || this.#expected !== url) return false;
    this.#expected = null;
    return true;
  }
}
