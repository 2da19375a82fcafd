/** A worker of the RPC's tests: what it serves shows order, failures and death. */
import { parentPort, workerData } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlashlineError, toFailure } from '#shared/model/failure.ts';
import { serve } from '#main/log/worker/serve.ts';

export type EchoStores = { readonly echo: Echo; readonly other: Other };

class Echo {
  readonly said: string[] = [];

  say(text: string): string {
    this.said.push(text);
    return text;
  }

  async sayLate(text: string, ms: number): Promise<string> {
    await sleep(ms);
    return this.say(text);
  }

  count(things: readonly unknown[]): number {
    return things.length;
  }

  fail(): never {
    const cause = new Error('outer', { cause: new Error('inner') });
    throw new FlashlineError('log-damaged', { where: { line: 7 }, params: { file: 'f', detail: 'd' }, cause });
  }

  break(): never {
    throw new TypeError('a mistake of our own');
  }

  /** The failure of a result that is no plain data. */
  unsendable(): () => void {
    return () => undefined;
  }

  die(): void {
    process.exit(3);
  }

  throwOutside(): Promise<never> {
    setImmediate(() => {
      throw new Error('thrown where nobody catches');
    });
    return new Promise(() => undefined);
  }
}

class Other {
  readonly #echo: Echo;
  readonly #at: Int32Array;

  constructor(echo: Echo, at: Int32Array) {
    this.#echo = echo;
    this.#at = at;
  }

  heard(): readonly string[] {
    return this.#echo.said;
  }

  /** Leaves behind how much had been said when it was closed. */
  async close(): Promise<void> {
    await sleep(5);
    Atomics.store(this.#at, 0, this.#echo.said.length);
  }
}

const { refuse, shared }: { refuse: boolean; shared: SharedArrayBuffer } = workerData;
if (parentPort === null) throw new Error('not a worker');
serve(parentPort, ({ warn, opening }): EchoStores => {
  opening({ step: 'mend', percent: 42 });
  if (refuse) throw new FlashlineError('log-unwritable', { params: { file: 'f' }, cause: 'no place' });
  warn(toFailure(new FlashlineError('internal', { cause: 'only a warning' })));
  const echo = new Echo();
  return { echo, other: new Other(echo, new Int32Array(shared)) };
});
