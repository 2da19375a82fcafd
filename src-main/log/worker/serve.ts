import type { MessagePort } from 'node:worker_threads';
import { type Failure, toFailure } from '#shared/model/failure.ts';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { OPENING, Request, type Told, WORKER } from './messages.ts';

/** Objects by the name that the other side calls them by. Arguments and results must be plain data (structured clone). */
export type Served = Readonly<Record<string, object>>;

/** What an opening tells on its way. */
export interface OpeningTells {
  readonly warn: (failure: Failure) => void;
  readonly opening: (opening: LogOpening) => void;
}

/**
 * The worker's side: opens what it serves, tells how that went, then begins calls in the order in which they came.
 * Everything served shares the worker's one thread, so a method that takes long should pause now and then.
 */
export function serve(port: MessagePort, open: (tells: OpeningTells) => Served): void {
  const tell = (told: Told) => port.postMessage(told);
  let served: Served;
  try {
    served = open({
      warn: (failure) => tell({ type: 'warning', failure }),
      opening: (opening) => tell({ type: 'opening', opening }),
    });
  } catch (thrown) {
    tell({ type: 'refusal', id: OPENING, failure: toFailure(thrown) });
    return port.close();
  }
  const running = new Set<Promise<void>>();
  port.on('message', (message: unknown) => {
    const request = Request.parse(message);
    const answered = answer(request);
    running.add(answered);
    void answered.finally(() => running.delete(answered));
  });
  tell({ type: 'answer', id: OPENING, result: null });

  async function answer(request: Request): Promise<void> {
    const { id } = request;
    const last = request.object === WORKER;
    try {
      const result = last ? await closeAll(served, [...running]) : await call(served, request);
      tell({ type: 'answer', id, result });
    } catch (thrown) {
      tell({ type: 'refusal', id, failure: toFailure(thrown) });
    }
    if (last) port.close();
  }
}

async function call(served: Served, { object, method, args }: Request): Promise<unknown> {
  const target = served[object];
  const found: unknown = target === undefined ? undefined : Reflect.get(target, method);
  if (target === undefined || typeof found !== 'function') throw new TypeError(`${object}.${method} is not served`);
  return await Reflect.apply(found, target, args);
}

/** After everything that was asked before; what was named last may rest on what was named before it. */
async function closeAll(served: Served, running: readonly Promise<void>[]): Promise<null> {
  await Promise.all(running);
  for (const each of Object.values(served).toReversed()) {
    const close: unknown = Reflect.get(each, 'close');
    if (typeof close === 'function') await Reflect.apply(close, each, []);
  }
  return null;
}
