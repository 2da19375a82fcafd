import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** What can befall a call on its way. TCP connections are reset (RST), never closed politely. */
export const NETWORK_FAULTS = [
  /** Before the server hears of it. */
  'reset',
  /** In the middle of the request's body; the server has half of it. */
  'cut request',
  /** The server did it, and nobody is told. */
  'lost answer',
  /** In the middle of the answer. */
  'cut answer',
  /** Nothing moves for a while. */
  'stall',
  /** Two servers get it at the same moment. */
  'duplicate',
  /** It arrives once more, long after it was answered. */
  'replay',
  /** The caller is reset; the call arrives after calls that were made later. */
  're-order',
] as const;
export type NetworkFault = (typeof NETWORK_FAULTS)[number];

export interface FaultProxyOptions {
  /** `http://127.0.0.1:port`; each call goes to one of them by chance. */
  readonly targets: readonly string[];
  /** 0 to below 1. */
  readonly random: () => number;
  readonly stallMs: number;
  /** Told of every answer that a server gave, also of those that no caller got. */
  readonly answered?: (path: string, status: number, body: Buffer) => void;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Calls to be delivered late: so many later calls of anybody go first. */
interface Held {
  readonly call: Call;
  after: number;
}

const UPSTREAM_MS = 30_000;
const HELD_MAX = 5;

/** A network between stations and plant servers that breaks as often as it is told to. */
export class FaultProxy {
  /** The share of calls that something befalls. */
  chance = 0;
  readonly counts = new Map<NetworkFault, number>();
  calls = 0;
  readonly #options: FaultProxyOptions;
  readonly #server: Server;
  #held: Held[] = [];
  readonly #late = new Set<Promise<unknown>>();

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#server = createServer((incoming, outgoing) => {
      this.#take(incoming, outgoing).catch(() => reset(outgoing));
    });
  }

  static async listen(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy listens no more');
    return `http://127.0.0.1:${address.port}`;
  }

  /** From now on the network is sound; what was held back arrives. */
  async heal(): Promise<void> {
    this.chance = 0;
    for (const { call } of this.#held.splice(0)) this.#deliverLate(call);
    await Promise.all(this.#late);
  }

  async close(): Promise<void> {
    this.#held = [];
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.all(this.#late);
  }

  async #take(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const call = await readCall(incoming);
    this.calls++;
    const fault = this.#options.random() < this.chance ? this.#pick(NETWORK_FAULTS) : null;
    if (fault !== null) this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    const answer = await this.#carry(call, fault);
    this.#deliverDue();
    if (answer === null) reset(outgoing);
    else await send(outgoing, answer, fault === 'cut answer');
  }

  /** Null: the caller gets no answer. */
  async #carry(call: Call, fault: NetworkFault | null): Promise<Answer | null> {
    switch (fault) {
      case 'reset':
        return null;
      case 'cut request':
        await cutShort(this.#target(), call);
        return null;
      case 'lost answer':
        await this.#forward(call);
        return null;
      case 'stall':
        await pause(this.#options.random() * this.#options.stallMs);
        return this.#forward(call);
      case 'duplicate':
        return (await Promise.all([this.#forward(call), this.#forward(call)]))[0];
      case 'replay':
        this.#held.push({ call, after: this.#delay() });
        return this.#forward(call);
      case 're-order':
        this.#held.push({ call, after: this.#delay() });
        return null;
      case 'cut answer':
      case null:
    }
    return this.#forward(call);
  }

  /** As load balancers do: where nobody listens, another server is asked. */
  async #forward(call: Call): Promise<Answer | null> {
    const first = this.#target();
    const answer = await carry([first, ...this.#options.targets.filter((target) => target !== first)], call);
    if (answer !== null) this.#options.answered?.(call.path, answer.status, answer.body);
    return answer;
  }

  #deliverDue(): void {
    for (const held of this.#held) held.after--;
    const due = this.#held.filter(({ after }) => after < 0);
    this.#held = this.#held.filter(({ after }) => after >= 0);
    for (const { call } of due) this.#deliverLate(call);
  }

  #deliverLate(call: Call): void {
    const late = this.#forward(call).finally(() => this.#late.delete(late));
    this.#late.add(late);
  }

  #delay(): number {
    return 1 + Math.floor(this.#options.random() * HELD_MAX);
  }

  #target(): string {
    return this.#pick(this.#options.targets);
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#options.random() * from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
}

async function readCall(incoming: IncomingMessage): Promise<Call> {
  const { method = 'GET', url = '/', headers } = incoming;
  return { method, path: url, headers, body: await readAll(incoming) };
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Null where every server is down, or the one that has the call goes down meanwhile. */
async function carry([target, ...others]: readonly string[], call: Call): Promise<Answer | null> {
  if (target === undefined) return null;
  try {
    return await forward(target, call);
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
    return refused ? carry(others, call) : null;
  }
}

async function forward(target: string, { method, path, headers, body }: Call): Promise<Answer> {
  const out = request(`${target}${path}`, {
    method,
    headers: upstream(headers, body),
    agent: false,
    timeout: UPSTREAM_MS,
  });
  out.on('timeout', () => out.destroy(new Error('timed out')));
  out.end(body);
  const [response] = (await once(out, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 502, headers: response.headers, body: await readAll(response) };
}

/** Half of the body, then a reset. */
async function cutShort(target: string, { method, path, headers, body }: Call): Promise<void> {
  const out = request(`${target}${path}`, { method, headers: upstream(headers, body), agent: false });
  const over = once(out, 'close');
  out.on('error', () => undefined);
  out.on('socket', (socket) => {
    socket.on('connect', () => {
      out.write(body.subarray(0, body.length / 2), () => setImmediate(() => socket.resetAndDestroy()));
    });
  });
  out.flushHeaders();
  await over;
}

function upstream(headers: IncomingHttpHeaders, body: Buffer): IncomingHttpHeaders {
  const { 'transfer-encoding': _chunks, connection: _connection, ...rest } = headers;
  return body.length === 0 ? rest : { ...rest, 'content-length': String(body.length) };
}

async function send(outgoing: ServerResponse, { status, headers, body }: Answer, cut: boolean): Promise<void> {
  const { 'transfer-encoding': _chunks, connection: _connection, ...rest } = headers;
  outgoing.writeHead(status, { ...rest, 'content-length': String(body.length) });
  if (!cut) {
    outgoing.end(body);
    return;
  }
  await new Promise<void>((resolve) => {
    outgoing.write(body.subarray(0, body.length / 2), () => resolve());
  });
  reset(outgoing);
}

function reset(outgoing: ServerResponse): void {
  outgoing.socket?.resetAndDestroy();
}
