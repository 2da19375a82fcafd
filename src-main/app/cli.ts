import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FlashlineError } from '#shared/model/failure.ts';
import { secretAsker } from './ask-secret.ts';
import type { CliContext } from './commands/command.ts';
import { runCli } from './commands/run-cli.ts';
import { failureTexts } from './compose-home.ts';
import { reserveThreads } from './reserve-threads.ts';

reserveThreads(process.env);

const root = join(import.meta.dirname, '..', '..');
const resources = join(root, 'resources');
const aborting = new AbortController();

/** Asked once, it stops between packets and records the run as ABORTED; tear-down has a deadline of its own. */
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => aborting.abort(new FlashlineError('aborted', { cause: signal })));

/** Who reads us may leave early (`| head`): a run goes on to its end and its record. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const context: CliContext = {
  print: (line) => void process.stdout.write(`${line}\n`),
  printed: () => leftBy(process.stdout),
  say: (line) => void process.stderr.write(`${line}\n`),
  // Back to the line's start, the text, and the rest of an older text away (ECMA-48: EL).
  terminal: process.stdout.isTTY ? { rewrite: (line) => void process.stdout.write(`\r${line}\u001B[K`) } : null,
  askSecret: secretAsker(process.stdin, (text) => void process.stderr.write(text), aborting.signal),
  env: process.env,
  signal: aborting.signal,
  resources,
  appVersion: z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
    .version,
  describeFailure: failureTexts(resources),
};

const code = await runCli(process.argv.slice(2), context);
// Written out first: a pipe takes what was printed only while we are here.
await Promise.all([process.stdout, process.stderr].map(leftBy));
process.exit(code);

function leftBy(stream: NodeJS.WriteStream): Promise<boolean> {
  return new Promise((resolve) => void stream.write('', (error) => resolve(!error)));
}
