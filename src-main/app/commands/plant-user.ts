import { Command, Option } from 'commander';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import type { PlantUser } from '#shared/contract/plant/web-messages.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type CliContext, command, type ExitCode, withExamples } from './command.ts';
import { type PlaceOptions, withPlace } from './plant-place.ts';
import { withDesk } from './with-desk.ts';

interface AddOptions extends PlaceOptions {
  readonly role: readonly PlantRole[];
  readonly product: readonly string[];
}

export function plantUser(context: CliContext, end: (code: ExitCode) => void): Command {
  return withExamples(new Command('user'), ['plant user add ada --role admin', 'plant user list'])
    .description('people who work with the plant')
    .addCommand(add(context, end))
    .addCommand(list(context, end))
    .addCommand(password(context, end));
}

function add(context: CliContext, end: (code: ExitCode) => void): Command {
  const roles = new Option('--role <role...>', 'what they may do').choices(PlantRole.options).makeOptionMandatory();
  return withPlace(
    command('add', 'adds a person; asks for the password, or reads its first line from stdin', [
      'plant user add ada --role admin',
      'plant user add buyer1 --role buyer --product hello-nrf51 < password.txt',
    ]),
  )
    .argument('<user>')
    .addOption(roles)
    .option('--product <product...>', 'the only products they may see (buyers need it)', [])
    .action(async (name: string, options: AddOptions) => {
      const secret = await askSecret(context, `Password for ${name} (12 characters or more): `);
      const user = await withDesk(options, context, (desk) =>
        desk.call('user.create', {
          name,
          roles: [...options.role],
          products: [...options.product],
          password: secret,
          badge: null,
        }),
      );
      if (options.json) context.print(JSON.stringify({ type: 'user.created', ...user }));
      else context.print(`${user.name} can sign in.`);
      end(0);
    });
}

function list(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPlace(command('list', 'people and their roles', ['plant user list', 'plant user list --json'])).action(
    async (options: PlaceOptions) => {
      const users = await withDesk(options, context, (desk) => desk.call('user.list', {}));
      for (const user of users) context.print(options.json ? JSON.stringify(user) : userLine(user));
      if (users.length === 0 && !options.json) context.say('Nobody yet: flashline plant user add NAME --role admin');
      end(0);
    },
  );
}

function password(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPlace(
    command('password', 'gives a person a new password, and ends their sessions', ['plant user password ada']),
  )
    .argument('<user>')
    .action(async (name: string, options: PlaceOptions) => {
      const secret = await askSecret(context, `New password for ${name} (12 characters or more): `);
      const user = await withDesk(options, context, (desk) => desk.call('user.password', { name, password: secret }));
      if (options.json) context.print(JSON.stringify({ type: 'user.changed', ...user }));
      else context.print(`${user.name} has a new password.`);
      end(0);
    });
}

function userLine({ name, roles, products, active, lastSignedInAt }: PlantUser): string {
  const seen = lastSignedInAt === null ? 'never signed in' : `signed in ${lastSignedInAt}`;
  const only = products.length === 0 ? '' : ` (only ${products.join(', ')})`;
  return `${name}: ${roles.join(', ')}${only}, ${active ? seen : 'switched off'}`;
}

function askSecret({ askSecret }: CliContext, prompt: string): Promise<string> {
  if (askSecret !== undefined) return askSecret(prompt);
  throw new FlashlineError('usage', { params: { detail: 'there is nobody to ask for a password' } });
}
