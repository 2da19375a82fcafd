import type { Command } from 'commander';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { Interface } from '#shared/model/recipe.ts';
import type { OpenedUnit } from '../../programmer/programmer.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, wireOption } from './command.ts';
import { debugLines, line, reachLines } from './debug-lines.ts';
import { chipFor, withUnit } from './with-unit.ts';

interface IdentifyOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
  readonly interface?: Interface;
  readonly verbose?: boolean;
}

export function identifyCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('identify', "reads a unit's hardware id, debug registers and protection; changes nothing", [
    'identify --probe bench:nrf52840',
    'identify --chip nrf51822 --probe gdb:tcp:127.0.0.1:3333 --verbose',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .addOption(wireOption())
    .option('--verbose', 'the ROM table and the probe too')
    .action(async (options: IdentifyOptions) => {
      const chip = await chipFor(options, context);
      await withUnit(options, chip, context, (unit, io) => tell(unit, chip, options, context, io));
      end(0);
    });
}

/** The chip answers, and is not what was asked for. */
const REFUSALS: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'chip-protected',
  'wrong-chip',
  'identity-unreadable',
]);

/** Of a chip that refuses to be identified, its debug registers still tell something. */
async function tell(
  unit: OpenedUnit,
  chip: ChipDescription,
  options: IdentifyOptions,
  context: CliContext,
  io: IoContext,
): Promise<void> {
  try {
    const identity = await unit.identify(io);
    if (options.json) context.print(JSON.stringify({ type: 'identity', ...identity }));
    else {
      context.print(line('chip', `${chip.name} (${identity.chip})`));
      context.print(line('hardware id', identity.uid ?? '(none that is known)'));
      for (const text of lockLines(chip, identity.locks)) context.print(text);
    }
  } catch (error) {
    const refused = error instanceof FlashlineError && REFUSALS.has(error.failure.code);
    if (refused) await tellOfDebug(unit, options, context, io);
    throw error;
  }
  await tellOfDebug(unit, options, context, io);
}

function lockLines(chip: ChipDescription, locks: Readonly<Record<string, string>>): string[] {
  return Object.entries(locks).map(([name, found]) => {
    const word = chip.locks.find((lock) => lock.name === name);
    if (!word) return line(name, found);
    return line(name, `${found} (${Number(found) === word.unlocked ? 'not locked' : 'locked'})`);
  });
}

async function tellOfDebug(
  unit: OpenedUnit,
  options: IdentifyOptions,
  context: CliContext,
  io: IoContext,
): Promise<void> {
  const view = await unit.look?.(io);
  const reach = unit.reach?.();
  if (options.json) {
    if (view) context.print(JSON.stringify({ type: 'debug', ...view, reach }));
    return;
  }
  for (const text of view ? debugLines(view, options.verbose === true) : []) context.print(text);
  for (const text of reach && options.verbose ? reachLines(reach) : []) context.print(text);
}
