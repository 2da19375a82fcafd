import type { Schemes } from './schemes.ts';
import type { Shape } from './shape.ts';

type Handler = Parameters<Electron.Protocol['handle']>[1];

export class StandInProtocol implements Shape<
  Electron.Protocol,
  'registerSchemesAsPrivileged' | 'handle' | 'isProtocolHandled'
> {
  readonly #schemes: Schemes;
  readonly #isReady: () => boolean;
  readonly #handlers = new Map<string, Handler>();

  constructor(schemes: Schemes, isReady: () => boolean) {
    this.#schemes = schemes;
    this.#isReady = isReady;
  }

  registerSchemesAsPrivileged(custom: Electron.CustomScheme[]): void {
    if (this.#isReady()) throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready');
    this.#schemes.register(custom);
  }

  handle(scheme: string, handler: Handler): void {
    if (!this.#isReady()) throw new Error('protocol.handle can only be called after app is ready');
    if (!this.#schemes.isPage(scheme))
      throw new Error(`the stand-in serves only schemes registered as standard and secure, not ${scheme}`);
    if (this.#handlers.has(scheme)) throw new Error(`Failed to register protocol: ${scheme}`);
    this.#handlers.set(scheme, handler);
  }

  isProtocolHandled(scheme: string): boolean {
    return this.#handlers.has(scheme);
  }

  /** The app's answer to a request for one of its own URLs; null when the scheme is none of the app's. */
  async answer(url: string, method: string): Promise<Response | null> {
    const handler = this.#handlers.get(new URL(url).protocol.slice(0, -1));
    return handler === undefined ? null : await handler(new Request(url, { method }));
  }
}
