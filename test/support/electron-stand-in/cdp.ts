import { WebSocket } from 'ws';

export type CdpParams = Readonly<Record<string, unknown>>;
type Listener = (params: never) => void;

/** One page's (or the browser's own) part of a DevTools protocol connection. */
export interface CdpSession {
  send<R = unknown>(method: string, params?: CdpParams): Promise<R>;
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names what the protocol sends
  on<P>(method: string, listener: (params: P) => void): void;
}

interface Answer {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: Error) => void;
}

/** A DevTools protocol connection in flat mode: one WebSocket, many sessions. */
export class CdpConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#receive(JSON.parse(data.toString('utf8')) as Answer));
    socket.on('close', () => {
      for (const { method, reject } of this.#waiting.values()) reject(new Error(`${method}: the browser has gone`));
      this.#waiting.clear();
    });
  }

  static async open(url: string): Promise<CdpConnection> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return new CdpConnection(socket);
  }

  session(sessionId?: string): CdpSession {
    return {
      send: <R>(method: string, params: CdpParams = {}) => this.#send(method, params, sessionId) as Promise<R>,
      // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
      on: <P>(method: string, listener: (params: P) => void) => {
        const key = `${sessionId ?? ''} ${method}`;
        this.#listeners.set(key, (this.#listeners.get(key) ?? new Set()).add(listener));
      },
    };
  }

  close(): void {
    this.#socket.close();
  }

  #send(method: string, params: CdpParams, sessionId: string | undefined): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  }

  #receive(answer: Answer): void {
    if (answer.id === undefined) {
      const listeners = this.#listeners.get(`${answer.sessionId ?? ''} ${answer.method ?? ''}`) ?? [];
      for (const listener of listeners) listener(answer.params as never);
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(answer.result);
    else waiting?.reject(new Error(`${waiting.method}: ${answer.error.message}`));
  }
}
