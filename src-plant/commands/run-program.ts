import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '#shared/base/clock.ts';
import type { Warden } from './warden.ts';

export interface Program {
  readonly run: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly maxBytes: number;
}

export interface RunIo {
  readonly clock: Clock;
  /** Ends the program, and all that it began. */
  readonly signal: AbortSignal;
  readonly warden: Warden;
}

/**
 * How it ended. `failed`: it said so by its exit code, or never began: nothing was used up. `lost`: it was ended by us or by somebody
 * else, and how far it had come nobody knows.
 */
export type ProgramEnd = {
  readonly ms: number;
  /** The end of what it wrote to its standard error, without what is in its environment. */
  readonly said: string;
} & (
  | { readonly end: 'gave'; readonly data: Uint8Array }
  | { readonly end: 'failed' | 'lost'; readonly detail: string }
);

const SAID_LENGTH = 2000;
/** More than is told, so that a secret at the cut is not half of one. */
const KEPT_BYTES = 16_384;
/** Between the polite word and the other one. */
const GRACE_MS = 500;
/** What still has its output open after it ended is not waited for any longer. */
const CLOSE_MS = 5000;
/** Shorter values of an environment are words that may stand anywhere. */
const SECRET_LENGTH = 4;

/**
 * Runs a program without a shell, in a process group of its own; `input` is its standard input. Whatever it does: it ends within its
 * time, no more of its output is kept than it may give, and no process of its group is left.
 */
export async function runProgram(program: Program, input: string, io: RunIo): Promise<ProgramEnd> {
  const began = io.clock.monotonic();
  const run = new ProgramRun(program, io);
  const ended = await run.execute(input);
  return { ...ended, ms: Math.round(io.clock.monotonic() - began), said: run.said };
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;
type Ended =
  | { readonly end: 'gave'; readonly data: Uint8Array }
  | { readonly end: 'failed' | 'lost'; readonly detail: string };

class ProgramRun {
  readonly #program: Program;
  readonly #io: RunIo;
  readonly #done = new AbortController();
  #chunks: Uint8Array[] = [];
  #size = 0;
  #said = Buffer.alloc(0);
  /** Why it was ended; null while nobody did. */
  #stopped: string | null = null;

  constructor(program: Program, io: RunIo) {
    this.#program = program;
    this.#io = io;
  }

  get said(): string {
    const text = new TextDecoder().decode(this.#said).replaceAll(/[^\P{C}\n\t]/gu, '\u{FFFD}');
    const secrets = Object.values(this.#program.environment).filter(({ length }) => length >= SECRET_LENGTH);
    return secrets
      .reduce((clean, secret) => clean.replaceAll(secret, '***'), text)
      .trim()
      .slice(-SAID_LENGTH);
  }

  async execute(input: string): Promise<Ended> {
    const { signal } = this.#io;
    if (signal.aborted) return { end: 'failed', detail: 'the server is closing' };
    const { run, folder, environment } = this.#program;
    const [file = '', ...args] = run;
    const child = spawn(file, args, {
      cwd: folder,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANG: 'C.UTF-8', ...environment },
      shell: false,
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that all that it began ends with it.
      detached: process.platform !== 'win32',
    });
    try {
      return await this.#follow(child, input);
    } finally {
      this.#done.abort();
      if (child.pid !== undefined) this.#io.warden.release(child.pid);
    }
  }

  async #follow(child: Child, input: string): Promise<Ended> {
    const { clock, signal, warden } = this.#io;
    const { seconds } = this.#program;
    const exited = new Promise<Ended>((resolve) => {
      child.once('error', ({ message }) => {
        // Later errors are of a signal that came too late.
        if (child.pid === undefined) resolve({ end: 'failed', detail: `it cannot be started: ${message}` });
      });
      child.once('exit', (code, by) => resolve(this.#ended(code, by)));
    });
    const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()));
    if (child.pid !== undefined) warden.watch(child.pid);
    this.#read(child);
    // A program that does not read what it is told need not.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const stop = () => this.#stop(child, 'the server ended it: it is closing');
    signal.addEventListener('abort', stop, { signal: this.#done.signal });
    this.#after(seconds * 1000, () => this.#stop(child, `it was ended after ${seconds} s`));
    const ended = await exited;
    // What it began and left behind holds its output, too.
    kill(child, 'SIGKILL');
    const late = clock.sleep(CLOSE_MS, this.#done.signal).then(
      () => 'late' as const,
      () => 'late' as const,
    );
    if (child.pid === undefined || (await Promise.race([closed, late])) !== 'late') return this.#withOutput(ended);
    child.stdout.destroy();
    child.stderr.destroy();
    return ended.end === 'gave' ? { end: 'lost', detail: 'it left a process behind that has its output' } : ended;
  }

  #read(child: Child): void {
    const { maxBytes } = this.#program;
    child.stdout.on('error', () => undefined);
    child.stderr.on('error', () => undefined);
    child.stdout.on('data', (chunk: Uint8Array) => {
      if (this.#stopped !== null) return;
      this.#size += chunk.length;
      if (this.#size <= maxBytes) this.#chunks.push(chunk);
      else {
        this.#chunks = [];
        this.#stop(child, `it gave more than ${maxBytes} bytes`, 'SIGKILL');
      }
    });
    child.stderr.on('data', (chunk: Uint8Array) => {
      this.#said = Buffer.concat([this.#said, chunk]).subarray(-KEPT_BYTES);
    });
  }

  #ended(code: number | null, by: NodeJS.Signals | null): Ended {
    if (this.#stopped !== null) return { end: 'lost', detail: this.#stopped };
    if (code === 0) return { end: 'gave', data: new Uint8Array() };
    return code === null
      ? { end: 'lost', detail: `it was ended by ${by ?? 'a signal'}` }
      : { end: 'failed', detail: `it ended with ${code}` };
  }

  /** By now all of its output is here. */
  #withOutput(ended: Ended): Ended {
    if (ended.end !== 'gave') return ended;
    if (this.#stopped !== null) return { end: 'lost', detail: this.#stopped };
    return { end: 'gave', data: new Uint8Array(Buffer.concat(this.#chunks)) };
  }

  #stop(child: Child, why: string, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): void {
    if (this.#stopped !== null) return;
    this.#stopped = why;
    kill(child, signal);
    if (signal === 'SIGTERM') this.#after(GRACE_MS, () => kill(child, 'SIGKILL'));
  }

  #after(ms: number, work: () => void): void {
    const { signal } = this.#done;
    const unlessDone = () => {
      if (!signal.aborted) work();
    };
    this.#io.clock.sleep(ms, signal).then(unlessDone, () => undefined);
  }
}

/** The whole group. On Windows, which has none, the program alone: what it began is its own matter. */
function kill(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // Nothing of it is left.
  }
}
