import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { archivesOf } from '../compose-backup.ts';
import { homeFolder, realClock } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { openStores } from './with-log.ts';

export function logArchiveCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('archive', 'moves old records, which the plant has, from the unit log into files', [
    'log archive --before 2025-01-01',
  ])
    .requiredOption('--before <date>', 'that finished before this (ISO 8601, UTC)')
    .action(async (options: CommonOptions & { before: string }) => {
      const before = new Date(options.before);
      if (Number.isNaN(before.getTime()))
        throw new FlashlineError('usage', {
          params: { detail: `--before is a date such as 2026-01-31, not ${options.before}` },
        });
      const home = homeFolder(context.env);
      const { log, safety } = await openStores(context);
      try {
        const { records, files } = await safety.archive({
          folder: archivesOf(home),
          before: before.toISOString(),
          at: new Date(realClock.now()).toISOString(),
        });
        if (options.json) context.print(JSON.stringify({ type: 'log.archived', records, files }));
        else for (const line of [`${records} records archived`, ...files]) context.print(line);
      } finally {
        await log.close();
      }
      end(0);
    });
}
