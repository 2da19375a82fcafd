import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { isAteccUnit } from '../../programmer/atecc/open-atecc.ts';
import { type ElementView, lookAtElement } from '../../programmer/atecc/show.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, withExamples } from './command.ts';
import { line } from './debug-lines.ts';
import { compressCommand, expandCommand } from './element-certificate.ts';
import { chipFor, withUnit } from './with-unit.ts';

const EXAMPLE = 'secure-element show --probe bench:atecc608b';

interface ShowOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
}

export function secureElementCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const made = withExamples(new Command('secure-element'), [EXAMPLE]).description(
    'what a secure element says of itself, and the certificates that it keeps in 72 bytes',
  );
  made.addCommand(
    command('show', 'revision, serial, locks and the configuration of every slot; changes nothing', [EXAMPLE])
      .addOption(probeOption().makeOptionMandatory())
      .option('--chip <chip>', 'which chip to expect (flashline chips list)')
      .action(async (options: ShowOptions) => {
        await show(options, context);
        end(0);
      }),
  );
  made.addCommand(compressCommand(context, end)).addCommand(expandCommand(context, end));
  return made;
}

async function show(options: ShowOptions, context: CliContext): Promise<void> {
  const chip = await chipFor(options, context);
  const unsuited = new FlashlineError('interface-unsupported', { params: { interface: 'atecc', chip: chip.name } });
  if (chip.i2c?.kind !== 'atecc') throw unsuited;
  const view = await withUnit({ probe: options.probe, interface: 'i2c' }, chip, context, async (unit, io) => {
    if (!isAteccUnit(unit)) throw unsuited;
    return lookAtElement(unit.session, io);
  });
  if (options.json) context.print(JSON.stringify({ type: 'secure-element', chip: chip.id, ...view }));
  else for (const text of viewLines(chip.name, view)) context.print(text);
}

function viewLines(chip: string, view: ElementView): string[] {
  const state = (locked: boolean) => (locked ? 'locked' : 'not locked');
  return [
    line('chip', `${chip}, revision ${view.revision}`),
    line('serial', view.serial),
    line('I2C address', `0x${view.i2cAddress.toString(16)}`),
    line('configuration', state(view.configLocked)),
    line('data and OTP', state(view.dataLocked)),
    ...view.slots.map(({ rules: { slot, bytes, slotConfig, keyConfig }, meaning }) =>
      line(`slot ${slot}`, `${String(bytes).padStart(3)} bytes  ${hex(slotConfig)} ${hex(keyConfig)}  ${meaning}`),
    ),
  ];
}

function hex(word: number): string {
  return word.toString(16).padStart(4, '0');
}
