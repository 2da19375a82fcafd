import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DEBIAN = '/usr/lib/postgresql';
/** A cluster that was killed has its log to replay first. */
const START_MS = 60_000;
const STOP_MS = 30_000;
const POLL_MS = 25;

/** `smart` waits for clients, `fast` ends their sessions, `immediate` is a crash that PostgreSQL does to itself. */
export type StopMode = 'smart' | 'fast' | 'immediate';
const SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

export interface PostgresOptions {
  /** postgresql.conf by name, over ours: loopback only, fsync on. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes the data folder (of a base backup, say), which is not there yet; default: a fresh one. */
  readonly fill?: (data: string) => Promise<unknown>;
  /** Where the cluster's own folder is made; default: the machine's folder of temporary files. */
  readonly under?: string;
  /** A folder of the caller's that is used as it is found, and left: a cluster that took long to fill. */
  readonly keep?: string;
}

/** Makes (unless told where one is) and starts a cluster of our own on loopback; Debian's default cluster is never touched. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const folder = options.keep === undefined ? postgresFolder(options.under) : keptFolder(options.keep);
  try {
    const data = join(folder.path, 'data');
    if (!existsSync(join(data, 'PG_VERSION'))) await (options.fill ?? makeCluster)(data);
    const cluster = new Postgres({ folder, data, port: await freePort(), settings: options.settings ?? {} });
    await cluster.start();
    return cluster;
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Runs one of PostgreSQL's programs (`pg_basebackup`, `psql`, ...) as the user that owns clusters. */
export async function runPostgresProgram(program: string, args: readonly string[], ms = START_MS): Promise<string> {
  const { stdout } = await run(programPath(program), args, { ...identity(), timeout: ms, maxBuffer: 1 << 28 });
  return stdout;
}

export interface PostgresFolder {
  readonly path: string;
  /** Also ends the clusters whose data it holds. */
  remove(): Promise<void>;
}

/**
 * A new folder that the clusters' own user may write: for a cluster, or for archives, backups and replicas. It removes
 * itself, and ends the clusters in it, when the process that made it ends.
 */
export function postgresFolder(under = tmpdir()): PostgresFolder {
  const path = mkdtempSync(join(under, 'flashline-pg-'));
  giveAway(path);
  const watchdog = watch(path);
  const remove = async () => {
    watchdog.ref();
    const gone = watchdog.exitCode === null ? once(watchdog, 'exit') : null;
    watchdog.stdin?.end();
    await gone;
    rmSync(path, { recursive: true, force: true });
  };
  return { path, remove };
}

function keptFolder(path: string): PostgresFolder {
  giveAway(path);
  return { path, remove: () => Promise.resolve() };
}

interface Parts {
  readonly folder: PostgresFolder;
  readonly data: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
}

export class Postgres {
  /** Holds the data folder, the unix socket and the server's log. */
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #home: PostgresFolder;
  #server: ChildProcess | null = null;
  #said = '';

  constructor({ folder, data, port, settings }: Parts) {
    this.folder = folder.path;
    this.#home = folder;
    this.data = data;
    this.port = port;
    this.#settings = settings;
  }

  /** The superuser's way to database `postgres`. */
  get url(): string {
    return this.urlOf('postgres');
  }

  /** Whoever comes over loopback is trusted, so `user` needs no password. */
  urlOf(database: string, user = 'postgres'): string {
    return `postgresql://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Postmaster's process id, or null while the cluster is down: by our hand, or because it ended itself. */
  get pid(): number | null {
    return this.#runs() ? (this.#server?.pid ?? null) : null;
  }

  /** The newest of what the server wrote to its log. */
  get said(): string {
    return this.#said;
  }

  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#runs()) throw new Error('the cluster runs already');
    const deadline = Date.now() + START_MS;
    // After a crash the backends of the last postmaster may still hold its shared memory for a moment.
    for (;;) {
      this.#server = this.#spawn(settings);
      if (await this.#becameReady(deadline)) return;
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${this.#said}`);
      await pause(10 * POLL_MS);
    }
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#end(SIGNALS[mode]);
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** The postmaster is gone at once, without a word to its backends: as near to a power cut as one process can come. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** What the statements answer: a line a row, columns apart by `|`. */
  async psql(sql: string, database = 'postgres'): Promise<string> {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', this.urlOf(database), '-c', sql];
    const { stdout } = await run(programPath('psql'), args, { timeout: START_MS, maxBuffer: 1 << 28 });
    return stdout.trim();
  }

  /** Returns the new database's URL. */
  async createDatabase(name: string): Promise<string> {
    await this.psql(`CREATE DATABASE "${name}"`);
    return this.urlOf(name);
  }

  /** Ends the cluster and deletes its folder. Happens by itself, too, when the process that started it ends. */
  async remove(): Promise<void> {
    await this.#end('SIGQUIT');
    await this.#home.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }

  #spawn(settings: Readonly<Record<string, string>>): ChildProcess {
    const all = { ...ours(this.folder, this.port), ...this.#settings, ...settings };
    const values = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = spawn(programPath('postgres'), ['-D', this.data, ...values], {
      ...identity(),
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#said = '';
    server.stderr.on('data', (bytes: Buffer) => {
      this.#said = (this.#said + bytes.toString()).slice(-20_000);
    });
    server.on('error', (error) => {
      this.#said += error.message;
    });
    return server;
  }

  async #becameReady(deadline: number): Promise<boolean> {
    while (this.#runs()) {
      if (await this.#answers()) return true;
      if (Date.now() > deadline) {
        await this.#end('SIGQUIT');
        return false;
      }
      await pause(POLL_MS);
    }
    this.#server = null;
    return false;
  }

  #runs(): boolean {
    const server = this.#server;
    return server?.pid !== undefined && server.exitCode === null && server.signalCode === null;
  }

  async #answers(): Promise<boolean> {
    try {
      await run(programPath('pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(this.port)], { timeout: 5000 });
      return true;
    } catch {
      return false;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server;
    const runs = this.#runs();
    this.#server = null;
    if (server === null || !runs) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    const impatient = setTimeout(() => server.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(impatient);
  }
}

function ours(folder: string, port: number): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    logging_collector: 'off',
    fsync: 'on',
    max_connections: '60',
  };
}

async function makeCluster(data: string): Promise<void> {
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'];
  await runPostgresProgram('initdb', args);
}

/**
 * A process that outlives us only to clean up: its input ends when we do, however we do. It knows the postmaster by the
 * file that PostgreSQL keeps in every data folder.
 */
function watch(folder: string): ChildProcess {
  const script = `
    cat >/dev/null
    for pidfile in "$1"/*/postmaster.pid; do
      [ -f "$pidfile" ] || continue
      pid=$(head -n 1 "$pidfile")
      kill -QUIT "$pid" 2>/dev/null
      for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.3; done
      kill -KILL "$pid" 2>/dev/null
    done
    rm -rf "$1"`;
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const watchdog = spawn('sh', ['-c', script, 'watch', folder], { detached: true, stdio: [...stdio] });
  watchdog.unref();
  const pipe: unknown = watchdog.stdin;
  if (pipe !== null && typeof pipe === 'object' && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
  return watchdog;
}

/** Who runs PostgreSQL's programs, and where they are. */
export function postgresIdentity(): { uid?: number; gid?: number; bin: string } {
  return { ...identity(), bin: dirname(programPath('postgres')) };
}

/** PostgreSQL refuses root: as root its programs run as the user of Debian's package. */
function identity(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

function giveAway(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const { uid, gid } = identity();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
}

/** Debian keeps the server's programs off the path, a folder a version; the newest is taken. */
function programPath(program: string): string {
  const newest = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))[0];
  if (newest === undefined) throw new Error(`${DEBIAN} is empty: apt-get install postgresql`);
  return join(DEBIAN, newest, 'bin', program);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
