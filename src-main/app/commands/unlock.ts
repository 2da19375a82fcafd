import type { Command } from 'commander';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import type { Interface } from '#shared/model/recipe.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { OpenedUnit } from '../../programmer/programmer.ts';
import { rangesText, WRITE_PROTECTION } from '../../target/protection/write-protection.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, wireOption } from './command.ts';
import { line } from './debug-lines.ts';
import { chipFor, withUnit } from './with-unit.ts';

interface UnlockOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
  readonly interface?: Interface;
  readonly yes?: boolean;
}

export function unlockCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('unlock', 'opens a locked chip by erasing everything in it', [
    'unlock --probe bench:nrf52840?fault=protected --yes',
    'unlock --chip stm32f407 --probe cmsis-dap:<serial> --yes',
  ])
    .addOption(probeOption().makeOptionMandatory())
    .option('--chip <chip>', 'which chip to expect (flashline chips list)')
    .addOption(wireOption())
    .option('--yes', 'really: all flash of the chip is lost')
    .action(async (options: UnlockOptions) => {
      const chip = await chipFor(options, context);
      if (options.yes !== true) {
        throw new FlashlineError('usage', {
          params: { detail: 'unlocking erases the whole chip: add --yes to do it' },
        });
      }
      await withUnit(options, chip, context, (unit, io) => unlock(unit, chip, options, context, io));
      end(0);
    });
}

async function unlock(
  unit: OpenedUnit,
  chip: ChipDescription,
  { json, probe }: UnlockOptions,
  context: CliContext,
  io: IoContext,
): Promise<void> {
  const { protection } = unit;
  if (!protection) {
    const detail = 'it has no protection that Flashline knows, or this probe cannot see it';
    throw new FlashlineError('probe-unsuited', { params: { url: probe, detail: `${chip.name}: ${detail}` } });
  }
  const found = await protection.read(io);
  const total = flashMemories(chip).reduce((sum, { size }) => sum + size, 0);
  const now = await protection.unlock(io, (done) =>
    context.terminal?.rewrite(`erasing ${Math.floor((100 * done) / total)} %`),
  );
  context.terminal?.rewrite('');
  const lifted = await liftPages(unit, io);
  const { uid } = await unit.identify(io);
  if (json) {
    const told = {
      type: 'unlocked',
      chip: chip.id,
      erased: found.locked && protection.opensBy === undefined,
      found: found.observed,
      now: now.observed,
      ...(lifted === undefined ? {} : { lifted }),
      uid,
    };
    context.print(JSON.stringify(told));
    return;
  }
  const done = protection.opensBy === undefined ? 'was locked, and was erased' : 'had protected blocks; they are open';
  const open = lifted === undefined ? 'was not locked; nothing was done' : 'was not locked';
  context.print(line('chip', `${chip.name} ${found.locked ? done : open}`));
  if (lifted !== undefined) context.print(line(WRITE_PROTECTION, `${lifted} was lifted`));
  for (const [name, value] of Object.entries(now.observed)) context.print(line(name, value));
  context.print(line('hardware id', uid ?? '(none that is known)'));
}

/** What of the chip was write protected, and is not any more; undefined where nothing was. */
async function liftPages({ writeProtection }: OpenedUnit, io: IoContext): Promise<string | undefined> {
  const ranges = (await writeProtection?.read(io)) ?? [];
  if (!writeProtection || ranges.length === 0) return undefined;
  await writeProtection.lift(io);
  return rangesText(ranges);
}
