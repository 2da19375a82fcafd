import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { realClock } from '../real-clock.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { plantAdoptKey } from './plant-adopt-key.ts';
import { plantCertificate } from './plant-certificate.ts';
import { plantCommands } from './plant-commands.ts';
import { plantKeys } from './plant-keys.ts';
import { type PlaceOptions, withPlace } from './plant-place.ts';
import { plantPools } from './plant-pools.ts';
import { plantRecovered } from './plant-recovered.ts';
import { plantServe } from './plant-serve.ts';
import { plantUser } from './plant-user.ts';
import { withDesk } from './with-desk.ts';

export function plantCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('plant'), [
    'plant serve',
    'plant user add ada --role admin',
    'plant enrol-station L1',
  ])
    .description('the plant server: records, releases, orders, people and stations of a whole plant')
    .addCommand(plantServe(context, end))
    .addCommand(migrate(context, end))
    .addCommand(enrolStation(context, end))
    .addCommand(plantRecovered(context, end))
    .addCommand(plantAdoptKey(context, end))
    .addCommand(plantCertificate(context, end))
    .addCommand(plantCommands(context, end))
    .addCommand(plantKeys(context, end))
    .addCommand(plantPools(context, end))
    .addCommand(plantUser(context, end));
}

function migrate(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('migrate', 'brings a PostgreSQL database to the shape that this version needs', [
    'plant migrate --database postgresql://flashline_owner@db/flashline',
  ])
    .option('--database <url>', 'by an account that owns the tables (or $FLASHLINE_PLANT_DATABASE)')
    .action(async (options: CommonOptions & { readonly database?: string }) => {
      const url = options.database ?? context.env['FLASHLINE_PLANT_DATABASE'];
      if (url === undefined)
        throw new FlashlineError('usage', {
          params: { detail: '--database is needed: the embedded database migrates itself when the server starts' },
        });
      const { migrateDatabase } = await import('#plant/plant.ts');
      await migrateDatabase(url, { clock: realClock });
      if (options.json) context.print(JSON.stringify({ type: 'plant.migrated' }));
      else context.print('The database has the shape that this version needs.');
      end(0);
    });
}

function enrolStation(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPlace(
    command('enrol-station', 'makes a one-time code that binds one station to this plant', [
      'plant enrol-station L1',
      'plant enrol-station L1 --json',
    ]),
  )
    .argument('<station>')
    .action(async (name: string, options: PlaceOptions) => {
      const invited = await withDesk(options, context, (desk) => desk.call('station.invite', { name }));
      if (options.json) context.print(JSON.stringify({ type: 'station.invited', ...invited }));
      else {
        context.print(invited.code);
        context.say(`Type this at the station ${invited.station}; it is good once, until ${invited.until}.`);
      }
      end(0);
    });
}
