import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { ROOT, startCli } from '../cli.ts';

const READY_MS = 60_000;
const POLL_MS = 50;

export interface PlantProcessOptions extends PlantPlace {
  readonly port: number;
}

interface PlantPlace {
  /** FLASHLINE_HOME: servers of one plant share its key. */
  readonly home: string;
  readonly database: string;
}

/** A command on the plant, which must do what it says; its answer as JSON. */
export async function plantCommand(args: readonly string[], { home, database }: PlantPlace): Promise<string> {
  const { code, stdout, stderr } = await startCli(['plant', ...args, '--database', database, '--json'], { home }).ended;
  if (code !== 0) throw new Error(`plant ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** A one-time code, as the plant's administrator gets one. */
export async function inviteStation(station: string, place: PlantPlace): Promise<string> {
  const said = await plantCommand(['enrol-station', station], place);
  return z.object({ code: z.string() }).parse(JSON.parse(said)).code;
}

/** One server of a plant, as a process of its own by the command line; it can be killed and started again. */
export class PlantProcess {
  readonly url: string;
  readonly #options: PlantProcessOptions;
  #child: ChildProcess | null = null;
  #said = '';

  constructor(options: PlantProcessOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  /** The newest of what it wrote. */
  get said(): string {
    return this.#said;
  }

  get pid(): number | null {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null ? (child.pid ?? null) : null;
  }

  async start(): Promise<void> {
    const { home, database, port } = this.#options;
    const args = ['plant', 'serve', '--database', database, '--port', String(port)];
    const child = spawn(process.execPath, [join(ROOT, 'src-main', 'app', 'cli.ts'), ...args], {
      cwd: ROOT,
      env: { ...process.env, FLASHLINE_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const keep = (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const deadline = Date.now() + READY_MS;
    while (!(await this.#answers())) {
      if (this.pid === null || Date.now() > deadline) throw new Error(`the plant server did not start:\n${this.#said}`);
      await pause(POLL_MS);
    }
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null || this.pid === null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const impatient = setTimeout(() => child.kill('SIGKILL'), READY_MS);
    await ended;
    clearTimeout(impatient);
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/ready`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }
}
