import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { PlantPlace } from '#plant/plant.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { homeFolder } from '../compose-home.ts';
import { realClock, realRandom } from '../real-clock.ts';
import type { CliContext, CommonOptions } from './command.ts';

/** What says which plant is meant; the same for every command of it. */
export interface PlaceOptions extends CommonOptions {
  readonly database?: string;
  readonly host: string;
  readonly key?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly name?: string;
  readonly hsm?: string;
  readonly developmentKeys?: boolean;
  readonly commands?: string;
}

export function withPlace(command: Command): Command {
  return command
    .option('--database <url>', 'of PostgreSQL (or $FLASHLINE_PLANT_DATABASE); without it an embedded one is used')
    .option('--host <address>', 'where the server listens; any other than loopback has TLS', '127.0.0.1')
    .option('--key <file>', "where the plant's signing key is kept (or $FLASHLINE_PLANT_KEY_FILE)")
    .option('--tls-cert <file>', 'PEM; without it a certificate is made')
    .option('--tls-key <file>', 'PEM, of --tls-cert')
    .option('--name <name>', "the plant's name, as certificates give it (default: this computer's)");
}

/** Where the plant's signing keys are: for its server, and for commands that make keys while none runs. */
export function withKeyStores(command: Command): Command {
  return command
    .option(
      '--hsm <file>',
      'signing keys are in a PKCS #11 token: its settings (docs/signing.md), or $FLASHLINE_PLANT_HSM',
    )
    .option(
      '--development-keys',
      'signing keys in a file, for trying things: whatever they sign is marked, and proves nothing',
    );
}

/** Where the programs are that make what units are given. */
export function withCommandsFile(command: Command): Command {
  return command.option(
    '--commands <file>',
    'programs that make what units are given (docs/ways/manufacturing.md), or $FLASHLINE_PLANT_COMMANDS',
  );
}

/** The place with its commands. */
export async function placeWithCommands(
  options: PlaceOptions,
  context: CliContext,
  place: PlantPlace = placeOf(options, context),
): Promise<PlantPlace> {
  const file = options.commands ?? context.env['FLASHLINE_PLANT_COMMANDS'];
  if (file === undefined) return place;
  const { readCommandsFile } = await import('#plant/plant.ts');
  return { ...place, commands: readCommandsFile(file) };
}

/** The place with its key stores. */
export async function placeWithKeys(options: PlaceOptions, context: CliContext): Promise<PlantPlace> {
  const file = options.hsm ?? context.env['FLASHLINE_PLANT_HSM'];
  const { readHsmFile } = await import('#plant/plant.ts');
  return {
    ...placeOf(options, context),
    hsm: file === undefined ? null : readHsmFile(file, context.env),
    developmentKeys: options.developmentKeys === true,
  };
}

export function placeOf(options: PlaceOptions, { env, appVersion }: CliContext): PlantPlace {
  const { tlsCert: cert, tlsKey: key } = options;
  if ((cert === undefined) !== (key === undefined))
    throw new FlashlineError('usage', { params: { detail: '--tls-cert and --tls-key go together' } });
  return {
    folder: join(homeFolder(env), 'plant'),
    database: options.database ?? env['FLASHLINE_PLANT_DATABASE'] ?? null,
    host: options.host,
    name:
      options.name ??
      (hostname()
        .replaceAll(/[^\p{L}\p{N} ._+/-]/gu, '-')
        .slice(0, 64) ||
        'plant'),
    version: appVersion,
    keyFile: options.key ?? env['FLASHLINE_PLANT_KEY_FILE'] ?? null,
    tls: cert === undefined || key === undefined ? null : { cert, key },
    clock: realClock,
    random: realRandom,
  };
}
