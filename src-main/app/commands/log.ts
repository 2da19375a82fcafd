import { Command } from 'commander';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { logBackupCommand } from './log-backup.ts';
import { logExportCommand } from './log-export.ts';
import { logRepairCommand, logRestoreCommand } from './log-restore.ts';
import { logShowCommand } from './log-show.ts';
import { logYieldCommand } from './log-yield.ts';
import { CHECK_BEGINS } from '../../log/verify.ts';
import { withLog } from './with-log.ts';

type End = (code: ExitCode) => void;

export function logCommand(context: CliContext, end: End): Command {
  const log = withExamples(new Command('log'), ['log show --serial HB000001', 'log verify']).description(
    'the unit log',
  );
  for (const make of [
    logShowCommand,
    logVerifyCommand,
    logExportCommand,
    logYieldCommand,
    logBackupCommand,
    logRestoreCommand,
    logRepairCommand,
  ])
    log.addCommand(make(context, end));
  return log;
}

/** So many records between two words on how far it is. */
const TOLD_EVERY = 50_000;

function logVerifyCommand(context: CliContext, end: End): Command {
  const about = 'checks the chain of records: nothing changed, nothing missing';
  return command('verify', about, ['log verify']).action(async (options: CommonOptions) => {
    const { records, fault } = await withLog(context, async (log) => {
      let progress = CHECK_BEGINS;
      while (!progress.over) {
        context.signal.throwIfAborted();
        const before = progress.records;
        progress = await log.verifyPage(progress);
        const told = Math.floor(progress.records / TOLD_EVERY);
        if (told > Math.floor(before / TOLD_EVERY)) context.say(`${progress.records} records so far ...`);
      }
      return progress;
    });
    if (options.json) context.print(JSON.stringify({ type: 'log.verified', records, fault }));
    else
      context.print(
        fault === null ? `${records} records, the chain is whole` : `DAMAGED after ${records} records: ${fault}`,
      );
    end(fault === null ? 0 : 3);
  });
}
