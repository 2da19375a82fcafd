import type { Command } from 'commander';
import { type CliContext, command, type ExitCode } from './command.ts';
import { numberOf } from './numbers.ts';
import { type PlaceOptions, withPlace } from './plant-place.ts';
import { withDesk } from './with-desk.ts';

interface RecoveredOptions extends PlaceOptions {
  readonly blocks: string;
}

export function plantRecovered(context: CliContext, end: (code: ExitCode) => void): Command {
  return withPlace(
    command('recovered', 'after a restore, or a fail-over that may have lost the last moment: see docs/operations.md', [
      'plant recovered --database postgresql://flashline_server@db/plant',
      'plant recovered --blocks 100',
    ]),
  )
    .option('--blocks <n>', 'of every pool, so many blocks a station are taken for leased', '10')
    .action(async (options: RecoveredOptions) => {
      const blocks = numberOf('--blocks', options.blocks);
      const done = await withDesk(options, context, (desk) => desk.call('plant.recover', { blocks }));
      if (options.json) context.print(JSON.stringify({ type: 'plant.recovered', ...done }));
      else {
        for (const { pool, first, last } of done.skipped) context.print(`${pool}: ${first} to ${last} go to nobody`);
        context.print(`${done.sessions} sessions and ${done.codes} enrolment codes ended.`);
      }
      end(0);
    });
}
