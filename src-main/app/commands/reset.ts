import type { Command } from 'commander';
import type { Interface } from '#shared/model/recipe.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, wireOption } from './command.ts';
import { chipFor, withUnit } from './with-unit.ts';

interface ResetOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
  readonly interface?: Interface;
}

export function resetCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('reset', 'resets a unit and lets its firmware run', [
    'reset --chip nrf52840 --probe cmsis-dap:<serial>',
    'reset --probe bench:nrf52840',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .addOption(wireOption())
    .action(async (options: ResetOptions) => {
      const chip = await chipFor(options, context);
      await withUnit(options, chip, context, async (unit, io) => {
        // A reset changes nothing, but it must not reach a chip that nobody meant.
        await unit.identify(io);
        await unit.start(io);
      });
      if (options.json) context.print(JSON.stringify({ type: 'reset', chip: chip.id }));
      else context.print(`${chip.name} was reset and runs`);
      end(0);
    });
}
