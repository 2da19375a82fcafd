import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  CommandAgain,
  CommandName,
  MAX_COMMAND_SECONDS,
  MAX_UNIT_DATA_BYTES,
} from '#shared/contract/plant/command-api.ts';
import { KeyPolicy, PolicyChange } from '#shared/contract/plant/signing-api.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** A program that makes what one unit is given. No shell reads any of it. */
const Command = z.strictObject({
  /** The program and its arguments, the same for every unit; what is the unit's own comes on its standard input. */
  run: z
    .array(
      z
        .string()
        .min(1)
        .regex(/^[^\0]*$/),
    )
    .min(1)
    .max(100),
  /** Where it works; without it the folder of this file. */
  folder: z.string().min(1).optional(),
  /** All that it has beside PATH and LANG: nothing of the server's own. */
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string().regex(/^[^\0]*$/)).default({}),
  seconds: z.number().min(0.1).max(MAX_COMMAND_SECONDS).default(10),
  maxBytes: z.number().int().min(1).max(MAX_UNIT_DATA_BYTES).default(65_536),
  atOnce: z.number().int().min(1).max(64).default(1),
  again: CommandAgain.default('same'),
  /** It may be run once more for a use whose end is not known: it makes the same again, or uses nothing up. */
  repeatable: z.boolean().default(false),
  policy: PolicyChange.prefault({}),
});
const CommandsFile = z.strictObject({ commands: z.record(CommandName, Command) });

export interface CommandSettings extends z.infer<typeof Command> {
  readonly name: string;
  readonly folder: string;
  readonly policy: KeyPolicy;
}

/** Written down by the plant's administrator, it is meant to be used; `enabled: false` switches it off. */
const NO_LIMITS: KeyPolicy = {
  enabled: true,
  products: null,
  releases: null,
  stations: null,
  perMinute: null,
  quantity: null,
  until: null,
};

/**
 * The plant's commands, by name: from the file that `--commands` names, and from nowhere else. Throws `file-missing` or `usage`, also
 * where others than its owner could change the file or a program.
 */
export function readCommandsFile(file: string): ReadonlyMap<string, CommandSettings> {
  const text = readText(file);
  requireOwn(file);
  const parsed = CommandsFile.safeParse(yamlOf(file, text));
  if (!parsed.success) {
    const detail = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw usage(`${file}: ${detail}`);
  }
  const commands = Object.entries(parsed.data.commands).map(([name, command]) => settingsOf(file, name, command));
  return new Map(commands.map((command) => [command.name, command]));
}

function settingsOf(file: string, name: string, command: z.infer<typeof Command>): CommandSettings {
  const { run, folder = '.', policy } = command;
  const [program = '', ...args] = run;
  const here = dirname(resolve(file));
  // A bare name is no file of this folder, and nothing is searched for in a PATH that is not the program's own.
  if (!/[/\\]/.test(program)) throw usage(`${file}: ${name}: ${program} needs the path of a program`);
  const path = resolve(here, program);
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    throw new FlashlineError('usage', {
      params: { detail: `${file}: ${name}: ${path} is no program that this user may run` },
      cause,
    });
  }
  requireOwn(path);
  const works = resolve(here, folder);
  if (!statSync(works, { throwIfNoEntry: false })?.isDirectory())
    throw usage(`${file}: ${name}: ${works} is no folder`);
  return {
    ...command,
    name,
    run: [path, ...args],
    folder: works,
    policy: KeyPolicy.parse({ ...NO_LIMITS, ...policy }),
  };
}

/** Whoever may write it could have the plant run anything. */
function requireOwn(file: string): void {
  if (process.platform === 'win32' || (statSync(file).mode & 0o022) === 0) return;
  throw usage(`${file}: others than its owner may change it: chmod go-w`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new FlashlineError('file-missing', { params: { file }, cause });
  }
}

function yamlOf(file: string, text: string): unknown {
  try {
    return parse(text);
  } catch {
    // What a parser says of a file may quote the file, and the environment has secrets.
    throw usage(`${file} is no YAML`);
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
