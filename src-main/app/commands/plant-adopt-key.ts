import type { Command } from 'commander';
import { type CliContext, command, type ExitCode } from './command.ts';
import { placeOf, type PlaceOptions, withPlace } from './plant-place.ts';

export function plantAdoptKey(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPlace(
    command(
      'adopt-key',
      "after the plant's signing key was lost or stolen: this computer's key file is the plant's from now on (docs/operations.md)",
      ['plant adopt-key --database postgresql://flashline_server@db/plant'],
    ),
  ).action(async (options: PlaceOptions) => {
    const { adoptPlantKey } = await import('#plant/plant.ts');
    const { publicKey } = await adoptPlantKey(placeOf(options, context));
    if (options.json) context.print(JSON.stringify({ type: 'plant.key-adopted', publicKey }));
    else {
      context.print(`The plant’s key is ${publicKey} from now on.`);
      context.say(
        'Copy the key file to every server of this plant, and enrol each station again: they know the old key.',
      );
    }
    end(0);
  });
}
