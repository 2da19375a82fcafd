import type { FromRunner } from './runner-protocol.ts';

export interface GuestEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GuestProcess {
  readonly ended: Promise<GuestEnd>;
  stdout(): string;
  /** Resolves to stdout once it matches; rejects after `ms`, or when the process ends without it. */
  waitFor(pattern: RegExp, ms?: number): Promise<string>;
  signal(signal: NodeJS.Signals): void;
}

/** What the runner tells of one process, put together. */
export class ToldProcess implements GuestProcess {
  readonly ended: Promise<GuestEnd>;
  readonly #signal: (signal: NodeJS.Signals) => void;
  readonly #end: (end: GuestEnd) => void;
  readonly #lookers = new Set<() => void>();
  #stdout = '';
  #stderr = '';
  #over = false;

  constructor(signal: (signal: NodeJS.Signals) => void) {
    const { promise, resolve } = Promise.withResolvers<GuestEnd>();
    this.ended = promise;
    this.#end = resolve;
    this.#signal = signal;
  }

  hear(message: FromRunner): void {
    if (message.kind === 'stdout') this.#stdout += message.text;
    if (message.kind === 'stderr') this.#stderr += message.text;
    if (message.kind === 'exit') this.end(message.code);
    for (const look of this.#lookers) look();
  }

  end(code: number | null): void {
    this.#over = true;
    this.#end({ code, stdout: this.#stdout, stderr: this.#stderr });
    for (const look of this.#lookers) look();
  }

  stdout(): string {
    return this.#stdout;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#over) this.#signal(signal);
  }

  waitFor(pattern: RegExp, ms = 30_000): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const give = (why: string) => reject(new Error(`${why} without ${pattern}: ${this.#stdout}${this.#stderr}`));
    const timer = setTimeout(give, ms, `${ms} ms`);
    const look = () => {
      if (pattern.test(this.#stdout)) resolve(this.#stdout);
      else if (this.#over) give('it ended');
    };
    this.#lookers.add(look);
    look();
    return promise.finally(() => {
      clearTimeout(timer);
      this.#lookers.delete(look);
    });
  }
}
