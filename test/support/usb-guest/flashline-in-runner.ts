/** In the guest: the command line as `cli.ts` composes it, without a process of its own. */
import { join } from 'node:path';
import { runCli } from '#main/app/commands/run-cli.ts';
import { failureTexts } from '#main/app/compose-home.ts';
import { allowUnsigned } from '#test/support/unsigned.ts';
import type { CommandInRunner } from './runner-protocol.ts';

// As deep as the source: the bundle that this becomes lies in src-main/app.
const resources = join(import.meta.dirname, '..', '..', 'resources');

export const command: CommandInRunner = async (args, env, tell) => {
  allowUnsigned(env['FLASHLINE_HOME'] ?? '', args);
  return runCli(args, {
    print: (line) => tell('stdout', `${line}\n`),
    printed: () => Promise.resolve(true),
    say: (line) => tell('stderr', `${line}\n`),
    terminal: null,
    env,
    signal: new AbortController().signal,
    resources,
    appVersion: '0.0.0',
    describeFailure: failureTexts(resources),
  });
};
