import { stationCalls } from '#shared/contract/station.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import type { CallContext, Handlers } from '../bridge/handlers.ts';
import { untilAborted } from './until-aborted.ts';

type StationHandlers = Handlers<typeof stationCalls>;
type Call = (params: never, context: CallContext<never>) => Promise<unknown>;

/** What a page asks for when it comes: whatever else it wants done is for a station that it has seen. */
const WAITING: ReadonlySet<string> = new Set<keyof StationHandlers>(['station.state', 'sync.state']);

/** A station that is still put together, as pages ask for it. */
export class AwaitedStation {
  readonly #opened = Promise.withResolvers<StationHandlers>();
  readonly #waiting = new Set<(opening: LogOpening) => void>();
  #latest: LogOpening | null = null;
  #handlers: StationHandlers | null = null;

  handlers(): StationHandlers {
    const each = Object.keys(stationCalls).map((name) => [name, this.#call(name)] as const);
    // Made of the contract's own names, each by what is handed in under it.
    return Object.fromEntries(each) as unknown as StationHandlers;
  }

  /** To every page that waits, and to each that comes. */
  tell(opening: LogOpening): void {
    this.#latest = opening;
    for (const hear of this.#waiting) hear(opening);
  }

  opened(handlers: StationHandlers): void {
    this.#handlers = handlers;
    this.#opened.resolve(handlers);
  }

  #call(name: string): Call {
    return async (params, context) => {
      const handlers = this.#handlers ?? (await this.#wait(name, context));
      const handler = (handlers as unknown as Readonly<Record<string, Call>>)[name];
      if (handler === undefined) throw new FlashlineError('internal', { cause: `nothing answers ${name}` });
      return handler(params, context);
    };
  }

  async #wait(name: string, { signal, progress }: CallContext<never>): Promise<StationHandlers> {
    if (!WAITING.has(name))
      throw new FlashlineError('bad-request', { params: { detail: 'the station is still being opened' } });
    const hear = (opening: LogOpening): void => (progress as CallContext<LogOpening>['progress'])(opening);
    if (name === 'station.state') {
      this.#waiting.add(hear);
      if (this.#latest !== null) hear(this.#latest);
    }
    try {
      return await Promise.race([this.#opened.promise, this.#left(signal)]);
    } finally {
      this.#waiting.delete(hear);
    }
  }

  async #left(signal: AbortSignal): Promise<never> {
    await untilAborted(signal);
    throw new FlashlineError('aborted');
  }
}
