import { type ChildProcess, spawn } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { serveUart } from '../../bench/uart/serve-uart.ts';
import { realClock } from '../compose-home.ts';
import { UartBenches } from '../connect/bench-uart.ts';
import { type Offer, usage, type Wanted } from './offer.ts';

const LINK_MS = 5000;
const LOOK_MS = 20;

/** A unit's serial port as raw TCP: strapped into its boot loader, and its power cycled by each connection. */
export async function offerUartTcp(wanted: Wanted, port: number): Promise<Offer> {
  const server = await serve(wanted, port);
  const url = `tcp:127.0.0.1:${server.port}`;
  return { port: server.port, url, hints: [`socat - ${url}`], close: () => server.close() };
}

/** The same as a pseudo terminal at `link`, which socat makes of it. There is no parity, and no DTR and RTS. */
export async function offerUartPty(wanted: Wanted, link: string): Promise<Offer> {
  if ((await lstat(link).catch(() => undefined)) !== undefined) throw usage(`${link} exists already`);
  const server = await serve(wanted, 0);
  const free = () => wanted.tell({ type: 'bench.free', link }, `${link} is there for its next user`);
  const terminal = new Terminal(link, server.port, free);
  try {
    await terminal.ready();
  } catch (error) {
    terminal.end();
    await server.close();
    throw error;
  }
  const close = async (): Promise<void> => {
    terminal.end();
    await server.close();
  };
  return { port: null, url: `uart:${link}?parity=none&entry=none`, hints: hintsFor(wanted, link), close };
}

function hintsFor({ described }: Wanted, link: string): string[] {
  return described?.uart?.kind === 'stm32' ? [`stm32flash -m 8n1 ${link}`] : [];
}

async function serve({ bench, options, described, chip, serial, haste }: Wanted, port: number) {
  if (!described) throw usage(`${chip} has no description, and so no serial port`);
  const uarts = new UartBenches(bench, options).of(described);
  const plugIn = () => uarts.plugIn(described, serial, { faults: [], strapped: true });
  // Asked for now, so that a chip that the bench has not is said before anybody connects.
  plugIn();
  return serveUart({ port, plugIn, real: realClock, haste });
}

/** A pseudo terminal for one user after another: socat ends with each of them. */
class Terminal {
  readonly #link: string;
  readonly #tcpPort: number;
  readonly #free: () => void;
  #socat: ChildProcess;
  #failed: string | undefined;
  #ended = false;

  /** `free` is called when the link is there again for the next user. */
  constructor(link: string, tcpPort: number, free: () => void) {
    this.#link = link;
    this.#free = free;
    this.#tcpPort = tcpPort;
    this.#socat = this.#start();
  }

  /** Resolves when the link is there. Rejects with `usage`. */
  async ready(): Promise<void> {
    for (let waited = 0; waited < LINK_MS; waited += LOOK_MS) {
      if (this.#failed !== undefined) break;
      if ((await lstat(this.#link).catch(() => undefined)) !== undefined) return;
      await realClock.sleep(LOOK_MS);
    }
    throw usage(`socat makes no pseudo terminal at ${this.#link}: ${this.#failed ?? 'it is too slow'}`);
  }

  end(): void {
    this.#ended = true;
    this.#socat.kill();
  }

  #again(): void {
    this.#socat = this.#start();
    // Nobody waits for it: without a link there is nobody to come either, and `#failed` says why.
    this.ready().then(this.#free, () => undefined);
  }

  #start(): ChildProcess {
    const terminal = `PTY,link=${this.#link},raw,echo=0,wait-slave,pty-interval=0.02`;
    const socat = spawn('socat', [terminal, `TCP:127.0.0.1:${this.#tcpPort},nodelay`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    socat.stderr.on('data', (bytes: Buffer) => (said = `${said}${bytes.toString()}`.slice(-500)));
    socat.on('error', (error) => (this.#failed ??= error.message));
    socat.on('close', (code) => {
      // With its user it ends in peace.
      if (code !== 0) this.#failed ??= said.trim();
      else if (!this.#ended) this.#again();
    });
    return socat;
  }
}
