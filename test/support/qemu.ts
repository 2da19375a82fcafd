import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A running `qemu-system-arm -M microbit`: an nRF51822 that nobody here wrote. Started halted, flash all 0x00. */
export interface Qemu {
  /** `gdb:unix:...`, `gdb:serial:...` or `gdb:tcp:...`, as asked for. */
  readonly url: string;
  /** The gdb server's unix socket, if it is on one. */
  readonly gdbPath: string;
  readonly pid: number;
  /** Everything that the firmware has sent on its UART so far. */
  uart(): string;
  /** Resolves to all UART text once it matches; rejects after `ms`. */
  waitForUart(pattern: RegExp, ms?: number): Promise<string>;
  /** What QEMU itself printed: why it ended, when it ended by itself. */
  output(): string;
  /** SIGSTOP and SIGCONT: a server that is there and says nothing. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Ends it and removes its folder; may follow `kill`. */
  stop(): Promise<void>;
}

export async function startQemu(options: { readonly over?: 'unix' | 'serial' | 'tcp' } = {}): Promise<Qemu> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-qemu-'));
  const gdbPath = join(folder, 'gdb');
  const uartPath = join(folder, 'uart');
  const { over = 'unix' } = options;
  const port = over === 'tcp' ? await freePort() : 0;
  const gdb = {
    unix: `socket,id=g0,path=${gdbPath},server=on,wait=off`,
    tcp: `socket,id=g0,host=127.0.0.1,port=${port},server=on,wait=off`,
    serial: 'pty,id=g0',
  }[over];
  const child = spawn('qemu-system-arm', argumentsFor(gdb, uartPath), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += String(bytes)));
  try {
    // The character devices are made in the order given: where the UART listens, the gdb server does.
    const uart = await connected(uartPath, child, () => output);
    const place = over === 'serial' ? await ptyName(() => output) : { unix: gdbPath, tcp: `127.0.0.1:${port}` }[over];
    return running({ output: () => output, child, folder, gdbPath, uart, url: `gdb:${over}:${place}` });
  } catch (error) {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function argumentsFor(gdb: string, uartPath: string): string[] {
  const machine = '-M microbit -display none -monitor none -S';
  const uart = `socket,id=s0,path=${uartPath},server=on,wait=off`;
  return [...machine.split(' '), '-chardev', gdb, '-gdb', 'chardev:g0', '-chardev', uart, '-serial', 'chardev:s0'];
}

function running(parts: {
  output: () => string;
  child: ChildProcess;
  folder: string;
  gdbPath: string;
  uart: Socket;
  url: string;
}): Qemu {
  const { child, folder, gdbPath, uart, url } = parts;
  let said = '';
  uart.on('data', (bytes) => (said += bytes.toString('latin1')));
  uart.on('error', () => undefined);
  const gone = once(child, 'exit');
  // A test process that ends early leaves no QEMU behind.
  const atExit = (): void => void child.kill('SIGKILL');
  process.once('exit', atExit);
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await gone;
  };
  return {
    url,
    gdbPath,
    pid: child.pid ?? 0,
    uart: () => said,
    output: parts.output,
    waitForUart: async (pattern, ms = 5000) => {
      const until = Date.now() + ms;
      while (!pattern.test(said)) {
        if (Date.now() > until)
          throw new Error(`no ${pattern} on the UART within ${ms} ms, but: ${JSON.stringify(said)}`);
        await sleep(5);
      }
      return said;
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    kill,
    stop: async () => {
      uart.destroy();
      await kill();
      process.off('exit', atExit);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function connected(path: string, child: ChildProcess, output: () => string): Promise<Socket> {
  const until = Date.now() + 10_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`QEMU ended: ${output()}`);
    if (Date.now() > until) throw new Error(`QEMU does not listen: ${output()}`);
    const socket = connect({ path });
    const ok = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (ok) return socket;
    socket.destroy();
    await sleep(10);
  }
}

/** QEMU tells where it put the terminal: `char device redirected to /dev/pts/3 (label g0)`. */
async function ptyName(output: () => string): Promise<string> {
  for (let i = 0; i < 200; i++) {
    const name = /redirected to (\S+) \(label g0\)/u.exec(output())?.[1];
    if (name !== undefined) return name;
    await sleep(10);
  }
  throw new Error(`QEMU names no terminal: ${output()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}
