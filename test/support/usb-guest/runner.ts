/** In the guest: connects to the tests on the host and starts programs as they ask. `node runner.js HOST PORT` */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { CommandInRunner, FromRunner, ToRunner } from './runner-protocol.ts';

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), noDelay: true });
const tell = (message: FromRunner) => socket.write(`${JSON.stringify(message)}\n`);
const children = new Map<number, ChildProcess>();
function start({ id, argv, env, user, group, folder }: ToRunner & { kind: 'start' }): void {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    uid: user,
    gid: group,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.set(id, child);
  child.stdout.setEncoding('utf8').on('data', (text: string) => tell({ kind: 'stdout', id, text }));
  child.stderr.setEncoding('utf8').on('data', (text: string) => tell({ kind: 'stderr', id, text }));
  child.on('error', (error) => tell({ kind: 'stderr', id, text: `${error.message}\n` }));
  child.on('close', (code) => {
    children.delete(id);
    tell({ kind: 'exit', id, code: code !== null && code < 0 ? null : code });
  });
}

async function call({ id, module, args, env }: ToRunner & { kind: 'call' }): Promise<void> {
  try {
    const { command } = (await import(module)) as { readonly command: CommandInRunner };
    const code = await command(args, { ...process.env, ...env }, (kind, text) => tell({ kind, id, text }));
    tell({ kind: 'exit', id, code });
  } catch (error) {
    tell({ kind: 'stderr', id, text: String(error instanceof Error ? error.stack : error) });
    tell({ kind: 'exit', id, code: null });
  }
}

socket.on('connect', () => tell({ kind: 'ready', user: process.getuid?.() ?? 0, group: process.getgid?.() ?? 0 }));
createInterface({ input: socket }).on('line', (line) => {
  const message = JSON.parse(line) as ToRunner;
  if (message.kind === 'start') start(message);
  else if (message.kind === 'call') void call(message);
  else children.get(message.id)?.kill(message.signal);
});
// The tests are done, or gone: the guest powers off.
socket.on('close', () => process.exit(0));
socket.on('error', () => process.exit(1));
