import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlashlineError } from '#shared/model/failure.ts';

/** Held until it is let go, or until the process is gone, however it went. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * One process at a time works in a folder: PGlite does not see to that itself, and two would ruin its files. Whoever listens on
 * the folder's socket has it; the socket ends with its process. Throws `state-conflict`.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true });
  const address = addressOf(realpathSync(folder));
  const server = (await listen(address)) ?? (await takeOver(address));
  if (server === null)
    throw new FlashlineError('state-conflict', {
      params: { detail: `another process has the database in ${folder} open` },
    });
  server.unref();
  return {
    release: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

/** Linux's abstract sockets and Windows' pipes leave nothing behind; elsewhere it is a file. */
function addressOf(folder: string): string {
  const name = `flashline-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
}

async function listen(path: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen({ path });
    await once(server, 'listening');
    return server;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE') return null;
    throw thrown;
  }
}

/** A file that nobody listens on was left by a process that was killed. */
async function takeOver(path: string): Promise<Server | null> {
  if (process.platform === 'linux' || process.platform === 'win32' || (await answers(path))) return null;
  rmSync(path, { force: true });
  return listen(path);
}

async function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
