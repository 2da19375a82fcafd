import type { ArgumentsOf, Calls, Events, ProgressOf, ResultOf } from '#shared/contract/define.ts';
import { ToClient, type ToHost } from '#shared/contract/wire.ts';
import { FlashlineError, type Failure } from '#shared/model/failure.ts';
import type { z } from 'zod';

/** What a transport gives the page: Electron's preload pipe, a WebSocket, or a pair of functions in a test. */
export interface ClientPort {
  send(message: ToHost): void;
  onMessage(listener: (message: unknown) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export interface CallOptions<G> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: G) => void;
}

/** A call that the host answered with a failure. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

/** The connection went before the answer came; whether the call was carried out is not known. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

export interface Client<C extends Calls, E extends Events> {
  call<K extends keyof C & string>(
    name: K,
    params: ArgumentsOf<C[K]>,
    options?: CallOptions<ProgressOf<C[K]>>,
  ): Promise<ResultOf<C[K]>>;
  on<K extends keyof E & string>(event: K, listener: (payload: z.infer<E[K]['payload']>) => void): () => void;
  readonly onClose: (listener: () => void) => void;
  close(): void;
}

interface Pending {
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  progress(value: unknown): void;
}

/** The page's end of the bridge. Results, progress and events that do not fit the contract are refused here. */
export function createClient<C extends Calls, E extends Events>(calls: C, events: E, port: ClientPort): Client<C, E> {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<(payload: never) => void>>();
  const closeListeners = new Set<() => void>();
  let nextId = 1;
  let closed = false;

  port.onMessage((raw) => {
    const parsed = ToClient.safeParse(raw);
    if (parsed.success) receive(parsed.data);
  });
  port.onClose(() => {
    closed = true;
    for (const call of pending.values()) call.reject(new ConnectionLost());
    pending.clear();
    for (const listener of closeListeners) listener();
  });

  function receive(message: ToClient): void {
    if (message.type === 'event') return receiveEvent(message.event, message.payload);
    const call = pending.get(message.id);
    if (call === undefined) return;
    if (message.type === 'progress') return call.progress(message.progress);
    pending.delete(message.id);
    if (message.type === 'failure') call.reject(new CallFailed(message.failure));
    else call.resolve(message.result);
  }

  function receiveEvent(name: string, raw: unknown): void {
    const payload = events[name]?.payload.safeParse(raw);
    if (payload?.success !== true) return;
    for (const listener of listeners.get(name) ?? []) listener(payload.data as never);
  }

  return {
    call(name, params, options = {}) {
      if (closed) return Promise.reject(new ConnectionLost());
      const id = nextId++;
      return new Promise((resolve, reject) => {
        const cancel = (): void => port.send({ type: 'cancel', id });
        const settle = (): void => options.signal?.removeEventListener('abort', cancel);
        pending.set(id, {
          resolve(raw) {
            settle();
            const result = calls[name]?.result.safeParse(raw);
            if (result?.success === true) resolve(result.data as ResultOf<C[typeof name]>);
            else reject(mismatch(name));
          },
          reject(reason) {
            settle();
            reject(reason);
          },
          progress(raw) {
            const progress = calls[name]?.progress?.safeParse(raw);
            if (progress?.success === true) options.onProgress?.(progress.data as ProgressOf<C[typeof name]>);
          },
        });
        options.signal?.addEventListener('abort', cancel, { once: true });
        port.send({ type: 'call', id, call: name, params });
        if (options.signal?.aborted === true) cancel();
      });
    },
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set.add(listener));
      return () => set.delete(listener);
    },
    onClose: (listener) => closeListeners.add(listener),
    close: () => port.close(),
  };
}

function mismatch(call: string): CallFailed {
  return new CallFailed(
    new FlashlineError('bad-request', { params: { detail: `${call}: the answer is not as agreed` } }).failure,
  );
}
