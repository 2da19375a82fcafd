import type { PlantCommands } from '../../commands/commands.ts';
import { type Handlers, stationOf } from '../handlers.ts';

export function commandHandlers({ commands }: { readonly commands: PlantCommands }): Handlers<'station.unitData'> {
  return {
    'station.unitData': ({ body }, context) =>
      commands.give(body, { station: stationOf(context).name, now: context.now }),
  };
}
