import { type ChildProcess, fork } from 'node:child_process';
import type { Clock } from '#shared/base/clock.ts';
import { HsmAnswer, type HsmQuestion } from './hsm-messages.ts';

export class HsmGone extends Error {
  override readonly name = 'HsmGone';
}

/** The process that has the module, and one question at a time to it. */
export class HsmLink {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  /** Aborts when the process ends, however it does. */
  readonly #ended = new AbortController();

  constructor(script: URL, clock: Clock, environment: Readonly<Record<string, string>>) {
    this.#clock = clock;
    // `advanced` carries bytes as they are. Nothing of the server's own flags is for it.
    this.#child = fork(script, {
      serialization: 'advanced',
      execArgv: [],
      // The PIN goes to it by message, and nobody else sees it.
      env: { ...process.env, FLASHLINE_HSM_PIN: undefined, ...environment },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('error', (cause) => this.#ended.abort(new HsmGone(cause.message)));
    this.#child.on('exit', (code, signal) => this.#ended.abort(new HsmGone(`its process ended (${signal ?? code})`)));
    // The server's own end is told by close, not kept off by this.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Rejects with HsmGone; the process is ended then. */
  async ask(question: HsmQuestion, deadlineMs: number): Promise<HsmAnswer> {
    const done = new AbortController();
    try {
      return await new Promise<HsmAnswer>((resolve, reject) => {
        const gone = () => reject(this.#ended.signal.reason);
        if (this.#ended.signal.aborted) return gone();
        this.#ended.signal.addEventListener('abort', gone, { signal: done.signal });
        this.#child.once('message', (message) => resolve(HsmAnswer.parse(message)));
        this.#child.send(question, (failed) => failed && reject(new HsmGone(failed.message)));
        this.#clock.sleep(deadlineMs, done.signal).then(
          () => reject(new HsmGone(`no answer within ${deadlineMs} ms`)),
          () => undefined,
        );
      });
    } catch (thrown) {
      this.end();
      throw thrown;
    } finally {
      done.abort();
      this.#child.removeAllListeners('message');
    }
  }

  /** At once: what hangs in a library hears no polite word. */
  end(): void {
    this.#child.kill('SIGKILL');
    this.#ended.abort(new HsmGone('it was closed'));
  }
}
