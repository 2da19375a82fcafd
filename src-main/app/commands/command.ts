import { Command, Option } from 'commander';
import { Interface } from '#shared/model/recipe.ts';
import type { Failure } from '#shared/model/failure.ts';
import type { ChipSources } from '../compose-chips.ts';
import { homeFolder } from '../compose-home.ts';
import type { FailureText } from '../../station/options.ts';

/** What a command is handed; nothing of it is ambient. */
export interface CliContext {
  /** One line to stdout: results, and with `--json` nothing but JSON objects. */
  readonly print: (line: string) => void;
  /** Waits until what was printed has left this program; false when whoever read it is gone. */
  readonly printed: () => Promise<boolean>;
  /** One line to stderr: what is said on the way. */
  readonly say: (line: string) => void;
  /** The width of the terminal that stdout is, null when it is a file or a pipe. */
  readonly terminal: { readonly rewrite: (line: string) => void } | null;
  /** Asks for a secret that is not shown; left out where nobody can be asked. */
  readonly askSecret?: (prompt: string) => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The folder of chip descriptions, locales and demo releases. */
  readonly resources: string;
  readonly appVersion: string;
  /** Whether `--json` is on the line; `runCli` sets it. */
  readonly json?: boolean;
  readonly describeFailure: (failure: Failure) => FailureText;
}

/** Where this station's chips come from. */
export function chipSources({ resources, env }: CliContext): ChipSources {
  return { resources, home: homeFolder(env) };
}

/** 0 pass, 1 the unit failed, 2 usage, recipe or file error, 3 station, fixture or plant error, 4 aborted. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** What every command has: `--json` and examples under `--help`. */
export interface CommonOptions {
  readonly json?: boolean;
}

export function command(name: string, description: string, examples: readonly string[]): Command {
  const made = new Command(name).description(description).option('--json', 'one JSON object a line on stdout');
  return withExamples(made, examples);
}

export function withExamples(made: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  flashline ${example}`);
  return made.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

export function releaseOption(): Option {
  return new Option(
    '--release <path>',
    'a .flashpack, a folder with recipe.yaml, that file, or plant:<product> for the newest that the plant published',
  );
}

export function probeOption(): Option {
  return new Option(
    '--probe <url>',
    'which probe: bench:<chip>, cmsis-dap:<serial>, cmsis-dap:@<usb port>, gdb:tcp:<host>:<port>, ...',
  );
}

export function wireOption(): Option {
  return new Option(
    '--interface <interface>',
    'by which of its interfaces the chip is reached (default: what the probe and the chip have)',
  ).choices(Interface.options);
}
