import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';

/** One lock a user data folder: a file with the owner's process id, and a socket on which it hears of others. */
export class InstanceLock {
  readonly #file: string;
  readonly #socket: string;
  #held = false;
  #telling: Promise<void> = Promise.resolve();

  constructor(userData: string) {
    this.#file = join(userData, 'instance.lock');
    this.#socket = join(userData, 'instance.sock');
  }

  get held(): boolean {
    return this.#held;
  }

  take(onSecond: (argv: string[], workingDirectory: string) => void): boolean {
    if (this.#held) return true;
    if (this.#ownerLives()) {
      this.#telling = this.#tellOwner();
      return false;
    }
    rmSync(this.#socket, { force: true });
    writeFileSync(this.#file, String(process.pid));
    this.#held = true;
    const server = createServer((peer) => {
      let text = '';
      peer.setEncoding('utf8').on('data', (part: string) => (text += part));
      peer.on('end', () => {
        const { argv, workingDirectory } = JSON.parse(text) as { argv: string[]; workingDirectory: string };
        onSecond(argv, workingDirectory);
      });
    });
    server.listen(this.#socket).unref();
    return true;
  }

  /** Resolves when the owner has been told. */
  async release(): Promise<void> {
    await this.#telling;
    if (!this.#held) return;
    rmSync(this.#file, { force: true });
    rmSync(this.#socket, { force: true });
  }

  #ownerLives(): boolean {
    try {
      process.kill(Number(readFileSync(this.#file, 'utf8')), 0);
      return true;
    } catch {
      // No file, or no such process: the lock is free.
      return false;
    }
  }

  #tellOwner(): Promise<void> {
    return new Promise((resolve, reject) => {
      const peer = createConnection(this.#socket, () => {
        peer.end(JSON.stringify({ argv: process.argv, workingDirectory: process.cwd() }), () => resolve());
      });
      peer.once('error', reject);
    });
  }
}
