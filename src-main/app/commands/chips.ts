import { Command } from 'commander';
import { hexAddress } from '#shared/base/bytes.ts';
import type { Memory } from '#shared/model/chip.ts';
import { chipsOf } from '../compose-chips.ts';
import { chipsImportCommand } from './chips-import.ts';
import { chipSources, type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';

export function chipsCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  const list = command('list', 'lists the chips that Flashline knows', ['chips list']).action(
    async (options: CommonOptions) => {
      const { chips } = await chipsOf(chipSources(context));
      for (const { id, name, core } of chips) {
        context.print(
          options.json ? JSON.stringify({ type: 'chip', id, name, core }) : `${id.padEnd(14)}${name} (${core})`,
        );
      }
      end(0);
    },
  );
  const show = command('show', 'shows one chip: memories, identity, locks', ['chips show nrf52840'])
    .argument('<chip>')
    .action(async (id: string, options: CommonOptions) => {
      const chip = (await chipsOf(chipSources(context))).get(id);
      if (options.json) context.print(JSON.stringify({ type: 'chip', ...chip }));
      else {
        context.print(`${chip.name} (${chip.id}), ${chip.core}`);
        context.print(`  from ${chip.source}`);
        for (const memory of chip.memories) context.print(`  ${memoryLine(memory)}`);
        for (const lock of chip.locks) context.print(`  lock ${lock.name} at ${hexAddress(lock.address)}`);
      }
      end(0);
    });
  return withExamples(new Command('chips'), ['chips list', 'chips show nrf52840', 'chips import X.pack'])
    .description('chip descriptions')
    .addCommand(list)
    .addCommand(show)
    .addCommand(chipsImportCommand(context, end));
}

function memoryLine(memory: Memory): string {
  const range = `${memory.name.padEnd(6)} ${hexAddress(memory.start)}  ${memory.size} bytes`;
  return memory.kind === 'ram' ? range : `${range}, pages of ${memory.page}, words of ${memory.word}`;
}
