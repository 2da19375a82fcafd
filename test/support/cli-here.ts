import { join } from 'node:path';
import { runCli as runHere } from '#main/app/commands/run-cli.ts';
import { failureTexts } from '#main/app/compose-home.ts';
import { type CliEnd, type CliOptions, ROOT } from './cli.ts';
import { allowUnsigned } from './unsigned.ts';

const resources = join(ROOT, 'resources');

interface CliHereOptions extends Pick<CliOptions, 'home' | 'unsigned'> {
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  /** Who sits at the terminal; left out: nobody. */
  readonly askSecret?: (prompt: string) => Promise<string>;
}

/** The command line in this very process: for what a command does, where starting a process proves nothing. */
export async function cliHere(
  args: readonly string[],
  { home, signal = new AbortController().signal, unsigned, env = {}, askSecret }: CliHereOptions,
): Promise<CliEnd> {
  if (unsigned !== 'refuse') allowUnsigned(home, args);
  const lines: string[] = [];
  const said: string[] = [];
  const code = await runHere(args, {
    print: (line) => void lines.push(line),
    printed: () => Promise.resolve(true),
    say: (line) => void said.push(line),
    terminal: null,
    ...(askSecret ? { askSecret } : {}),
    env: { ...process.env, FLASHLINE_HOME: home, ...env },
    signal,
    resources,
    appVersion: '0.0.0',
    describeFailure: failureTexts(resources),
  });
  const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join('');
  return {
    code,
    stdout: text(lines),
    stderr: text(said),
    lines: lines.flatMap((line) => line.split('\n')).filter(Boolean),
  };
}
