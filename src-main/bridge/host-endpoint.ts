import type { Calls, CallSpec } from '#shared/contract/define.ts';
import { ToHost } from '#shared/contract/wire.ts';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import type { HostPort } from './host-port.ts';
import { Outbox } from './outbox.ts';

/** More calls than this at once from one client is a flood; screens have a handful. */
const MOST_CALLS_AT_ONCE = 64;

/** The id that answers a message whose own id could not be read. */
const NO_ID = -1;

type AnyHandler = (
  params: unknown,
  context: { signal: AbortSignal; progress: (value: unknown) => void },
) => Promise<unknown>;

/**
 * One client's end of the bridge on the host. Whatever arrives is checked against the contract first; whatever is wrong
 * with it is answered with `bad-request` and touches nothing.
 */
export class HostEndpoint {
  readonly #calls: Calls;
  readonly #handlers: Readonly<Record<string, AnyHandler>>;
  readonly #outbox: Outbox;
  readonly #running = new Map<number, { readonly controller: AbortController; readonly spec: CallSpec }>();

  constructor(calls: Calls, handlers: Readonly<Record<string, AnyHandler>>, port: HostPort, onClose: () => void) {
    this.#calls = calls;
    this.#handlers = handlers;
    this.#outbox = new Outbox(port);
    port.onMessage((message) => this.#receive(message));
    port.onClose(() => {
      this.#outbox.close();
      this.#disconnected();
      onClose();
    });
  }

  /** Events with the same `key` replace each other while the client is behind: they carry state, whole. */
  sendEvent(event: string, payload: unknown, key: string): void {
    this.#outbox.sendLatest({ type: 'event', event, payload }, key);
  }

  #receive(message: unknown): void {
    const parsed = ToHost.safeParse(message);
    if (!parsed.success) {
      this.#refuse(idIn(message), `not a message of the bridge: ${parsed.error.issues[0]?.message ?? ''}`);
      return;
    }
    if (parsed.data.type === 'cancel') {
      this.#running.get(parsed.data.id)?.controller.abort(new FlashlineError('aborted'));
      return;
    }
    this.#begin(parsed.data);
  }

  #begin(message: Extract<ToHost, { type: 'call' }>): void {
    const { id, call } = message;
    const spec = Object.hasOwn(this.#calls, call) ? this.#calls[call] : undefined;
    const handler = Object.hasOwn(this.#handlers, call) ? this.#handlers[call] : undefined;
    if (spec === undefined || handler === undefined) return this.#refuse(id, `there is no call “${call.slice(0, 80)}”`);
    if (this.#running.has(id)) return this.#refuse(id, `call ${id} is still running`);
    if (this.#running.size >= MOST_CALLS_AT_ONCE) return this.#refuse(id, 'too many calls at once');
    const params = spec.params.safeParse(message.params);
    if (!params.success) {
      const issue = params.error.issues[0];
      return this.#refuse(id, `${call}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
    }
    const controller = new AbortController();
    this.#running.set(id, { controller, spec });
    void this.#carryOut(id, handler, params.data, controller.signal);
  }

  async #carryOut(id: number, handler: AnyHandler, params: unknown, signal: AbortSignal): Promise<void> {
    try {
      const result = await handler(params, {
        signal,
        progress: (value) => {
          if (this.#running.has(id)) this.#outbox.sendIfRoom({ type: 'progress', id, progress: value });
        },
      });
      this.#outbox.send({ type: 'result', id, result });
    } catch (thrown) {
      this.#outbox.send({ type: 'failure', id, failure: toFailure(thrown) });
    } finally {
      this.#running.delete(id);
    }
  }

  #refuse(id: number, detail: string): void {
    const { failure } = new FlashlineError('bad-request', { params: { detail } });
    this.#outbox.send({ type: 'failure', id, failure });
  }

  #disconnected(): void {
    for (const { controller, spec } of this.#running.values())
      if (spec.onDisconnect === 'cancel') controller.abort(new FlashlineError('aborted'));
  }
}

function idIn(message: unknown): number {
  if (typeof message !== 'object' || message === null || !('id' in message)) return NO_ID;
  return typeof message.id === 'number' && Number.isInteger(message.id) ? message.id : NO_ID;
}
