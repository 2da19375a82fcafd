import { Worker } from 'node:worker_threads';
import type { Clock } from '#shared/base/clock.ts';
import { asError, type Failure, FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { OPENING, type Request, Told, WORKER } from './messages.ts';
import type { Served } from './serve.ts';

/** The methods of an object in another thread: the same, but each is waited for. */
export type Remote<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

export type Remotes<S extends Served> = { readonly [K in keyof S]: Remote<S[K]> };

export interface LogWorkerOptions {
  /** The script that calls `serve`, and what it finds in `workerData`. */
  readonly entry: URL;
  readonly data: unknown;
  /** What `log-unwritable` names when the thread is gone. */
  readonly file: string;
  readonly clock: Clock;
  readonly warn: (failure: Failure) => void;
  /** What the opening is busy with, where that may take long. */
  readonly opening?: (opening: LogOpening) => void;
}

/** A statement ends within SQLite's own waiting time (10 s); what takes longer than this to close hangs in the disk. */
const CLOSE_MS = 30_000;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The station's side of the worker. Calls are answered in order; a call that the worker refuses rejects with the same
 * failure. When the thread dies, what waits rejects with `log-unwritable`, and so does every later call. An idle worker
 * does not keep the process alive.
 */
export class LogWorker<S extends Served> {
  readonly #worker: Worker;
  readonly #options: LogWorkerOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #lastId = OPENING;
  /** Why no call can be made any more. */
  #gone: string | null = null;
  #closing: Promise<void> | null = null;

  private constructor(options: LogWorkerOptions) {
    this.#options = options;
    // Nothing of this process's own switches: they are meant for its main script.
    this.#worker = new Worker(options.entry, { workerData: options.data, execArgv: [] });
    this.#worker.on('message', (message: unknown) => this.#hear(Told.parse(message)));
    this.#worker.on('messageerror', (error) => this.#end(error.message));
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error.message : String(error)));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#end(`its thread ended with ${code}`);
        resolve();
      });
    });
  }

  /** Rejects with what kept the worker from opening (`log-unwritable`, `log-damaged`, ...). */
  static async start<S extends Served>(options: LogWorkerOptions): Promise<LogWorker<S>> {
    const worker = new LogWorker<S>(options);
    try {
      await worker.#wait(OPENING);
    } catch (thrown) {
      worker.#worker.ref();
      await worker.#exited;
      throw thrown;
    }
    return worker;
  }

  /** One served object by its name. Its `close` closes the whole worker: all that it serves is over the same file. */
  remote<K extends keyof S & string>(object: K): Remote<S[K]> {
    const remote = new Proxy(
      {},
      {
        get: (_, method) => {
          // Whoever awaits an object looks whether it is a promise.
          if (typeof method !== 'string' || method === 'then') return undefined;
          if (method === 'close') return () => this.close();
          return (...args: unknown[]) => this.#call({ object, method, args });
        },
      },
    );
    // Both threads run this same program: what `serve` was given has these methods, or the compiler refused its entry.
    return remote as Remote<S[K]>;
  }

  /** Waits for the answers of all that was asked, closes what is served, and ends the thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#gone !== null) return this.#exited;
    const closed = this.#call({ object: WORKER, method: 'close', args: [] });
    this.#gone = 'it was closed';
    const inTime = new AbortController();
    const deadline = this.#options.clock.sleep(CLOSE_MS, inTime.signal).then(
      () => this.#worker.terminate(),
      () => undefined,
    );
    try {
      await closed;
    } finally {
      this.#worker.ref();
      await this.#exited;
      inTime.abort();
      await deadline;
    }
  }

  async #call(request: Omit<Request, 'id'>): Promise<unknown> {
    if (this.#gone !== null) throw this.#unwritable(this.#gone);
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = this.#wait(id);
    try {
      this.#worker.postMessage({ ...request, id } satisfies Request, []);
    } catch (thrown) {
      // An argument that is no plain data: a mistake of the caller's own.
      this.#take(id)?.reject(new FlashlineError('internal', { cause: thrown }));
    }
    return answered;
  }

  #wait(id: number): Promise<unknown> {
    this.#worker.ref();
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    return waiting;
  }

  #hear(told: Told): void {
    if (told.type === 'warning') this.#options.warn(told.failure);
    else if (told.type === 'opening') this.#options.opening?.(told.opening);
    else if (told.type === 'answer') this.#take(told.id)?.resolve(told.result);
    else this.#take(told.id)?.reject(asError(told.failure));
  }

  #end(reason: string): void {
    this.#gone ??= reason;
    for (const id of this.#waiting.keys()) this.#take(id)?.reject(this.#unwritable(this.#gone));
  }

  #unwritable(reason: string): FlashlineError {
    return new FlashlineError('log-unwritable', { params: { file: this.#options.file }, cause: reason });
  }
}
