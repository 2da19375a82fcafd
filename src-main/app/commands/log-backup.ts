import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { backUp, pruneBackups } from '../../log/backup.ts';
import { backupFile } from '../../log/backup-files.ts';
import { backupsOf, logFileOf } from '../compose-backup.ts';
import { homeFolder, realClock } from '../compose-home.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';

export function logBackupCommand(context: CliContext, end: (code: ExitCode) => void): Command {
  return command('backup', 'copies the unit log, while others use it, and reads the copy back', [
    'log backup',
    'log backup --out /media/usb/station.db',
  ])
    .option('--out <file>', "instead of today's file in the folder of backups")
    .action(async (options: CommonOptions & { out?: string }) => {
      const home = homeFolder(context.env);
      const file = logFileOf(home);
      if (!existsSync(file)) throw new FlashlineError('file-missing', { params: { file } });
      const today = new Date(realClock.now()).toISOString().slice(0, 10);
      const to = options.out === undefined ? backupFile(backupsOf(home), today) : resolve(options.out);
      await backUp({ file, to, signal: context.signal, progress: teller(context) });
      if (options.out === undefined) pruneBackups(backupsOf(home));
      context.print(
        options.json ? JSON.stringify({ type: 'log.backed-up', file: to }) : `Backed up and read back: ${to}`,
      );
      end(0);
    });
}

/** Tenths, on the way. */
function teller({ say }: CliContext): (done: number, total: number) => void {
  let told = 0;
  return (done, total) => {
    const tenth = total === 0 ? 0 : Math.floor((done / total) * 10);
    if (tenth > told) say(`${tenth * 10} % of ${total * 4} KiB`);
    told = Math.max(told, tenth);
  };
}
