import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { type Desk, type DeskCall, deskCalls } from './desk.ts';

/** `sun_path` of Linux has 108 bytes, of macOS 104. */
const MAX_PATH = 100;
const MAX_LINE = 65_536;
/** What a command gave for a unit, in base64, comes back to whoever tries it. */
const MAX_ANSWER = 2 * 1024 * 1024;
/** Longer than a command may take. */
const ANSWER_MS = 90_000;

const Question = z.object({ call: z.string(), params: z.unknown() });
const Answer = z.union([z.object({ result: z.unknown() }), z.object({ failure: Failure })]);

export interface DeskServer {
  close(): Promise<void>;
}

/**
 * Answers the command line on a socket that only this user can open, a line of JSON each way. Whoever has the socket has the
 * folder: null when another server process has it.
 */
export async function serveDesk(folder: string, desk: Desk): Promise<DeskServer | null> {
  const path = socketPath(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = createServer((socket) => void answer(socket, desk));
  if (!(await listens(server, path))) {
    if (await isAlive(path)) return null;
    // Left by a process that was killed.
    rmSync(path, { force: true });
    if (!(await listens(server, path))) return null;
  }
  if (process.platform !== 'win32') chmodSync(path, 0o600);
  return { close: () => new Promise((done) => void server.close(() => done())) };
}

/** The desk of the server that works in this folder; null when none does. */
export async function connectDesk(folder: string): Promise<Desk | null> {
  const path = socketPath(folder);
  if (!(await isAlive(path)) || !isOurs(path)) return null;
  return {
    async call(name, params) {
      const answered = Answer.parse(JSON.parse(await ask(path, { call: name, params })));
      if ('failure' in answered) throw new RemoteFailure(answered.failure);
      // `name` picks the schema, which the types of a table cannot say.
      return deskCalls[name].result.parse(answered.result) as never;
    },
  };
}

/** The other process's failure, as it was. */
class RemoteFailure extends FlashlineError<'internal'> {
  override readonly failure: Failure;

  constructor(failure: Failure) {
    super('internal');
    this.failure = failure;
  }
}

function socketPath(folder: string): string {
  const whole = resolve(folder);
  const digest = createHash('sha256').update(whole).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return String.raw`\\.\pipe\flashline-plant-${digest}`;
  const path = join(whole, 'desk.sock');
  return path.length <= MAX_PATH ? path : join(tmpdir(), `flashline-plant-${digest}.sock`);
}

/** In a folder that all may write, somebody else could have put a socket there to be told passwords. */
function isOurs(path: string): boolean {
  return process.getuid === undefined || lstatSync(path).uid === process.getuid();
}

function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new FlashlineError('usage', { params: { detail: `no socket can be made: ${error.message}` } }));
    };
    server.once('error', failed);
    server.listen(path, () => {
      server.removeListener('error', failed);
      resolve(true);
    });
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
  });
}

async function answer(socket: Socket, desk: Desk): Promise<void> {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  try {
    const line = await readLine(socket);
    if (line === '') return;
    const question = Question.parse(JSON.parse(line));
    if (!isDeskCall(question.call)) throw new FlashlineError('not-found', { params: { what: question.call } });
    const result = await desk.call(question.call, question.params as never);
    socket.end(`${JSON.stringify({ result })}\n`);
  } catch (thrown) {
    socket.end(`${JSON.stringify({ failure: toFailure(thrown) })}\n`);
  }
}

function isDeskCall(call: string): call is DeskCall {
  return Object.hasOwn(deskCalls, call);
}

async function ask(path: string, question: object): Promise<string> {
  const socket = connect(path);
  try {
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('the plant server does not answer')));
    socket.write(`${JSON.stringify(question)}\n`);
    return await readLine(socket, MAX_ANSWER);
  } catch (thrown) {
    throw new FlashlineError('plant-protocol', {
      params: { detail: 'the running plant server did not answer' },
      cause: thrown,
    });
  } finally {
    socket.destroy();
  }
}

/** Up to the first line's end; empty when the other side went away without one. */
async function readLine(socket: Socket, most = MAX_LINE): Promise<string> {
  let text = '';
  for await (const chunk of socket.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
    if (text.length > most) throw new Error('too long a line');
  }
  return '';
}
