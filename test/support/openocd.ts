import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import type { Board } from '#main/bench/board.ts';
import { listenBusPirate } from './buspirate.ts';

const run = promisify(execFile);
const RUN_MS = 60_000;
const NO_SERVERS = ['gdb_port disabled', 'tcl_port disabled', 'telnet_port disabled'] as const;

/** OpenOCD's way to a bench board: its own SWD, bit by bit, through a Bus Pirate on a pseudo terminal. */
export class OpenOcd {
  readonly #folder: string;
  readonly #pirate: { close(): Promise<void> };
  readonly #socat: ChildProcess;

  private constructor(folder: string, pirate: { close(): Promise<void> }, socat: ChildProcess) {
    this.#folder = folder;
    this.#pirate = pirate;
    this.#socat = socat;
  }

  /** `haste`: how much faster the board lives than the wires' bits cost, for OpenOCD waits on the real clock. */
  static async on(board: Board, haste = 1): Promise<OpenOcd> {
    const folder = mkdtempSync(join(tmpdir(), 'flashline-openocd-'));
    const [pirateAt, tty] = [join(folder, 'pirate'), join(folder, 'tty')];
    const pirate = await listenBusPirate(pirateAt, board.line, board.clock, haste);
    const socat = spawn('socat', [`PTY,link=${tty},raw,echo=0`, `UNIX-CONNECT:${pirateAt}`]);
    await vi.waitUntil(() => existsSync(tty), { timeout: 5000 });
    return new OpenOcd(folder, pirate, socat);
  }

  /** A file's path in this conversation's own folder. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** The command line's arguments: these commands behind the adapter's own. */
  arguments(commands: readonly string[]): string[] {
    const adapter = ['adapter driver buspirate', `buspirate port ${this.path('tty')}`, 'buspirate speed fast'];
    return [...adapter, 'transport select swd', ...commands].flatMap((command) => ['-c', command]);
  }

  /** What OpenOCD says while it carries these commands out; it exits with the first that fails. */
  async run(commands: readonly string[]): Promise<string> {
    const all = this.arguments([...NO_SERVERS, ...commands, 'shutdown']);
    const { stdout, stderr } = await run('openocd', all, { timeout: RUN_MS });
    return stdout + stderr;
  }

  async close(): Promise<void> {
    this.#socat.kill();
    await this.#pirate.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
