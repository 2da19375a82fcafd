import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpiPort, SpiTransfer } from '#main/probe/spi-port.ts';

/** AST2400 (QEMU: hw/ssi/aspeed_smc.c, AST2400 data sheet, 13 Firmware memory controller). */
const FMC = 0x1e62_0000;
const CONFIGURATION = FMC;
const CONTROL_0 = FMC + 0x10;
const WINDOW = 0x2000_0000;
const ENABLE_WRITE_0 = 1 << 16;
/** In user mode whatever is written to the window goes out on the wires, whatever is read of it comes in. */
const USER_MODE = 3;
const STOP_ACTIVE = 1 << 2;
const SIZE = 0x200_0000;
/** Bytes of one qtest command. */
const MOST = 0x1000;

/** A palmetto-bmc whose BMC boots from an n25q256a, halted; its SPI bus. */
export interface QemuNor {
  readonly port: SpiPort;
  stop(): Promise<void>;
}

export async function startQemuNor(): Promise<QemuNor> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-qemu-nor-'));
  const file = join(folder, 'flash');
  const handle = await open(file, 'w');
  await handle.truncate(SIZE);
  await handle.close();
  const path = join(folder, 'qtest');
  const machine = '-M palmetto-bmc -S -display none -monitor none -serial none'.split(' ');
  const drive = ['-drive', `file=${file},format=raw,if=mtd`, '-qtest', `unix:${path},server=on,wait=off`];
  const child = spawn('qemu-system-arm', [...machine, ...drive], { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const socket = await connected(path, child);
  const port = new QtestSpi(socket);
  return {
    port,
    async stop() {
      socket.destroy();
      child.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The controller's wires, one qtest command after another. */
class QtestSpi implements SpiPort {
  readonly url = 'qtest:palmetto-bmc';
  readonly limits = { write: 0x10000, read: 0x10000 };
  readonly #socket: Socket;
  #text = '';
  #waiting: ((line: string) => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => {
      const lines = (this.#text + text).split('\n');
      this.#text = lines.pop() ?? '';
      for (const line of lines) if (/^(?:OK|FAIL|ERR)/u.test(line)) this.#waiting.shift()?.(line);
    });
  }

  async connect(clockHz: number): Promise<number> {
    await this.#writeWord(CONFIGURATION, ENABLE_WRITE_0);
    await this.#writeWord(CONTROL_0, USER_MODE | STOP_ACTIVE);
    return Math.min(clockHz, 20_000_000);
  }

  async transfer(transfers: readonly SpiTransfer[]): Promise<Uint8Array[]> {
    const results: Uint8Array[] = [];
    for (const { write, read } of transfers) {
      await this.#writeWord(CONTROL_0, USER_MODE);
      for (let at = 0; at < write.length; at += MOST) {
        const part = Buffer.from(write.subarray(at, at + MOST));
        await this.#command(`write ${WINDOW} ${part.length} 0x${part.toString('hex')}`);
      }
      const parts: Buffer[] = [];
      for (let at = 0; at < read; at += MOST) {
        const answer = await this.#command(`read ${WINDOW} ${Math.min(MOST, read - at)}`);
        parts.push(Buffer.from(answer.replace(/^OK 0x/u, ''), 'hex'));
      }
      results.push(new Uint8Array(Buffer.concat(parts)));
      await this.#writeWord(CONTROL_0, USER_MODE | STOP_ACTIVE);
    }
    return results;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #writeWord(address: number, value: number): Promise<string> {
    return this.#command(`writel ${address} ${value}`);
  }

  #command(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((answer) =>
        answer.startsWith('OK') ? resolve(answer) : reject(new Error(`${line.slice(0, 60)}: ${answer}`)),
      );
      this.#socket.write(`${line}\n`);
    });
  }
}

async function connected(path: string, child: ChildProcess): Promise<Socket> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`QEMU ended with ${child.exitCode}`);
    const socket = connect({ path });
    const ok = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (ok) return socket;
    socket.destroy();
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error('QEMU does not listen');
}
