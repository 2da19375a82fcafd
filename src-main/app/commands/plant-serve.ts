import { join } from 'node:path';
import type { Command } from 'commander';
import type { Plant } from '#plant/plant.ts';
import { untilAborted } from '../until-aborted.ts';
import { type CliContext, command, type ExitCode } from './command.ts';
import { numberOf } from './numbers.ts';
import {
  type PlaceOptions,
  placeWithCommands,
  placeWithKeys,
  withCommandsFile,
  withKeyStores,
  withPlace,
} from './plant-place.ts';

interface ServeOptions extends PlaceOptions {
  readonly port: string;
  readonly oidc?: string;
  readonly proxy: readonly string[];
  readonly metricsToken?: string;
}

export function plantServe(context: CliContext, end: (code: ExitCode) => void): Command {
  return withCommandsFile(
    withKeyStores(
      withPlace(
        command('serve', 'the plant server', [
          'plant serve',
          'plant serve --database postgresql://flashline@db/flashline --host 0.0.0.0 --name "Plant 1"',
          'plant serve --host 0.0.0.0 --tls-cert plant.pem --tls-key plant.key --oidc oidc.yaml',
          'plant serve --hsm hsm.yaml --commands commands.yaml',
        ]),
      ),
    ),
  )
    .option('--port <port>', '0 takes any free one', '8420')
    .option('--oidc <file>', 'people sign in by OpenID Connect: its settings (docs/operations.md)')
    .option('--proxy <address...>', 'reverse proxies whose X-Forwarded headers are believed', [])
    .option(
      '--metrics-token <token>',
      'who shows it may read /metrics (or $FLASHLINE_PLANT_METRICS_TOKEN); else this computer only',
    )
    .action(async (options: ServeOptions) => {
      await serve(options, context);
      end(0);
    });
}

async function serve(options: ServeOptions, context: CliContext): Promise<void> {
  const { resources, env, signal, say, print } = context;
  const place = await placeWithCommands(options, context, await placeWithKeys(options, context));
  // The server's packages are loaded only for its own commands.
  const { readOidcFile, startPlant } = await import('#plant/plant.ts');
  const plant = await startPlant({
    ...place,
    port: numberOf('--port', options.port),
    pages: join(resources, '..', 'dist', 'plant'),
    oidc: options.oidc === undefined ? null : readOidcFile(options.oidc),
    proxies: options.proxy,
    metricsToken: options.metricsToken ?? env['FLASHLINE_PLANT_METRICS_TOKEN'] ?? null,
    describe: context.describeFailure,
    log: say,
  });
  try {
    const { url } = plant;
    if (options.json) print(JSON.stringify({ type: 'plant.listening', url, name: place.name }));
    else await greet(plant, place.name, context);
    if (place.developmentKeys)
      say('Development keys are in use: whatever they sign is marked as such, and proves nothing.');
    await untilAborted(signal);
  } finally {
    await plant.close();
  }
  if (options.json) print(JSON.stringify({ type: 'plant.stopped' }));
}

async function greet({ url, desk }: Plant, name: string, { print }: CliContext): Promise<void> {
  print(`The plant ${name} is at ${url}`);
  const users = await desk.call('user.list', {});
  if (users.length === 0) print('Nobody can sign in yet: flashline plant user add NAME --role admin');
  print('Ctrl+C stops it.');
}
