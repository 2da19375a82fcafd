import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EfuseView, KeyView } from '../../programmer/esp/efuse/show.ts';
import { isEspUnit } from '../../programmer/esp/open-esp.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, probeOption, withExamples } from './command.ts';
import { line } from './debug-lines.ts';
import { chipFor, withUnit } from './with-unit.ts';

const EXAMPLES = ['efuse show --probe bench:esp32-c3', 'efuse show --probe uart:/dev/ttyUSB0 --chip esp32'];

interface ShowOptions extends CommonOptions {
  readonly probe: string;
  readonly chip?: string;
}

export function efuseCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const made = withExamples(new Command('efuse'), EXAMPLES).description('what an Espressif chip’s eFuses hold');
  made.addCommand(
    command('show', 'addresses, revision, security, keys, protections and every block; burns nothing', EXAMPLES)
      .addOption(probeOption().makeOptionMandatory())
      .option('--chip <chip>', 'which chip to expect (flashline chips list)')
      .action(async (options: ShowOptions) => {
        await show(options, context);
        end(0);
      }),
  );
  return made;
}

async function show(options: ShowOptions, context: CliContext): Promise<void> {
  const chip = await chipFor(options, context);
  const unsuited = new FlashlineError('interface-unsupported', { params: { interface: 'eFuse', chip: chip.name } });
  if (chip.uart?.kind !== 'esp') throw unsuited;
  const view = await withUnit({ probe: options.probe, interface: 'uart' }, chip, context, (unit, io) => {
    if (!isEspUnit(unit)) throw unsuited;
    return unit.efuses(io);
  });
  if (options.json) context.print(JSON.stringify({ type: 'efuse', chip: chip.id, ...view }));
  else for (const text of viewLines(chip.name, view)) context.print(text);
}

function viewLines(chip: string, view: EfuseView): string[] {
  const yes = (is: boolean, words: string, not: string) => (is ? words : not);
  const { flashEncryption: encryption } = view;
  return [
    line('chip', `${chip}, revision ${view.revision}`),
    line('MAC address', view.customMac === null ? view.mac : `${view.mac}, its own ${view.customMac}`),
    line('secure boot', yes(view.secureBoot, 'on', 'off')),
    line('encryption', `${yes(encryption.on, 'on', 'off')}, switched ${encryption.count} times`),
    line('JTAG', yes(view.jtagDisabled, 'disabled for good', 'not disabled')),
    line('download mode', yes(view.downloadDisabled, 'disabled for good', yes(view.secureDownload, 'secure', 'open'))),
    line('coding', view.scheme),
    ...view.keys.map((key, slot) => line(`key ${slot}`, keyText(key))),
    ...view.blocks.map((block) => {
      const words = [block.data ?? (block.readProtected ? 'read-protected' : 'not shown: a key')];
      if (block.writeProtected) words.push('write-protected');
      if (block.corrected > 0) words.push(`${block.corrected} corrected`);
      if (block.failed) words.push('more errors than its code puts right');
      return line(`block ${block.block}`, words.join(', '));
    }),
    ...view.fields.map(
      ({ name, value, writeProtected }) => `  ${name} ${value}${writeProtected ? ' (write-protected)' : ''}`,
    ),
  ];
}

function keyText({ purpose, holds, digest, revoked, readProtected, writeProtected }: KeyView): string {
  const words = [holds === 'nothing' ? 'empty' : `${purpose}${digest === null ? '' : ` ${digest}`}`];
  if (revoked) words.push('revoked');
  if (readProtected) words.push('read-protected');
  if (writeProtected) words.push('write-protected');
  return words.join(', ');
}
