import type { Command } from 'commander';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption } from './command.ts';
import { chipFor, withTarget } from './with-target.ts';

interface IdentifyOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
}

export function identifyCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('identify', "reads a unit's hardware id and lock state; changes nothing", [
    'identify --probe bench:nrf52840',
    'identify --chip nrf51822 --probe gdb:tcp:127.0.0.1:3333',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .action(async (options: IdentifyOptions) => {
      const chip = await chipFor(options, context);
      const identity = await withTarget(options.probe, chip, context, (target, io) => target.identify(io));
      if (options.json) context.print(JSON.stringify({ type: 'identity', ...identity }));
      else {
        context.print(`chip         ${chip.name} (${identity.chip})`);
        context.print(`hardware id  ${identity.uid ?? '(none that is known)'}`);
        for (const lock of chip.locks) {
          const found = identity.locks[lock.name] ?? 'not read';
          const open = Number(found) === lock.unlocked;
          context.print(`${lock.name.padEnd(12)} ${found} (${open ? 'not locked' : 'locked'})`);
        }
      }
      end(0);
    });
}
