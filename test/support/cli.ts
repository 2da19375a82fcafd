import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { allowUnsigned } from './unsigned.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
/** As scripts/flashline.js keeps it. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'flashline', 'compiled');

export interface CliEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly lines: readonly string[];
}

export interface CliProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<CliEnd>;
  /** What it has printed so far. */
  stdout(): string;
  /** Resolves once stdout holds the text; rejects when the process ends without it. */
  waitFor(text: string | RegExp): Promise<void>;
}

export interface CliOptions {
  readonly home: string;
  /** Through scripts/flashline.js as `npx flashline` does it, or the TypeScript at once (a signal then hits the station itself). */
  readonly through?: 'wrapper' | 'direct';
  /** Whether this station runs releases without a signature on probes that are not the bench's; left out: it does. */
  readonly unsigned?: 'refuse';
}

/** Starts the command line as a process of its own, on the pinned Node. */
export function startCli(args: readonly string[], { home, through = 'direct', unsigned }: CliOptions): CliProcess {
  if (unsigned !== 'refuse') allowUnsigned(home, args);
  const script = through === 'wrapper' ? ['scripts', 'flashline.js'] : ['src-main', 'app', 'cli.ts'];
  const child = spawn(process.execPath, [join(ROOT, ...script), ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED, FLASHLINE_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const ended = new Promise<CliEnd>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr, lines: stdout.split('\n').filter(Boolean) }));
  });
  const waitFor = (text: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (typeof text === 'string' ? !stdout.includes(text) : !text.test(stdout)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void ended.then((end) =>
        reject(new Error(`ended with ${end.code} before "${String(text)}": ${end.stdout}${end.stderr}`)),
      );
    });
  return { child, ended, stdout: () => stdout, waitFor };
}

export function runCli(args: readonly string[], options: CliOptions): Promise<CliEnd> {
  return startCli(args, options).ended;
}
