import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { backUp } from '../../log/backup.ts';
import type { OpenStep } from '../../log/open-safely.ts';
import { backupsOf, logFileOf } from '../compose-backup.ts';
import { homeFolder, openStoresOf } from '../compose-home.ts';
import { repairLog } from '../repair-log.ts';
import { type CliContext, command, type CommonOptions, type ExitCode } from './command.ts';
import { warningLine } from './outcome.ts';
import { watchOpening } from './watch-opening.ts';
import { withLog } from './with-log.ts';

type End = (code: ExitCode) => void;

/** A log that is there is never overwritten: what it holds may be nowhere else. */
export function logRestoreCommand(context: CliContext, end: End): Command {
  return command('restore', 'makes the unit log from a backup, where there is none (any more)', [
    'log restore backups/station-2026-03-01.db',
  ])
    .argument('<file>', 'a backup')
    .action(async (from: string, options: CommonOptions) => {
      const file = logFileOf(homeFolder(context.env));
      const backup = resolve(from);
      if (!existsSync(backup)) throw new FlashlineError('file-missing', { params: { file: backup } });
      for (const there of [file, `${file}-wal`])
        // A reader leaves an empty write-ahead log behind.
        if (existsSync(there) && statSync(there).size > 0)
          throw new FlashlineError('usage', {
            params: { detail: `${there} is there: move it away first, and keep it` },
          });
      await backUp({ file: backup, to: file, signal: context.signal, progress: () => undefined });
      await voidLeases(context);
      const records = await count(context);
      context.print(
        options.json
          ? JSON.stringify({ type: 'log.restored', file, records })
          : `${records} records restored to ${file}`,
      );
      end(0);
    });
}

/** Which of its leased numbers were used since, a backup cannot know: none of them is used again, and fresh ones are leased. */
async function voidLeases(context: CliContext): Promise<void> {
  const { log, plant } = await openStoresOf(homeFolder(context.env), () => undefined, watchOpening(context));
  try {
    for (const { lease } of await plant.leases()) await plant.leaseReturned(lease);
  } finally {
    await log.close();
  }
}

export function logRepairCommand(context: CliContext, end: End): Command {
  return command('repair', 'looks at every page and record of the unit log, and makes it anew where it is damaged', [
    'log repair',
  ]).action(async (options: CommonOptions) => {
    const home = homeFolder(context.env);
    const file = logFileOf(home);
    if (!existsSync(file)) throw new FlashlineError('file-missing', { params: { file } });
    let isSetAside = false;
    await repairLog({
      file,
      backups: backupsOf(home),
      signal: context.signal,
      warn: (failure) => {
        isSetAside = true;
        context.say(warningLine(failure, context));
      },
      progress: (step, percent) => tellRepair(context, options, step, percent),
    });
    const records = await count(context);
    const said = isSetAside ? 'was damaged and has been made anew' : 'is whole';
    context.print(
      options.json
        ? JSON.stringify({ type: 'log.repaired', file, records, isSetAside })
        : `${file} ${said}: ${records} records`,
    );
    end(0);
  });
}

const STEP_WORDS: Readonly<Record<OpenStep, string>> = {
  wait: 'Another Flashline has the log for itself',
  check: 'Pages and records looked at',
  copy: 'What stands beside the records copied',
  read: 'Pages read',
  place: 'Records put in their places',
  settle: 'What hangs on the records put in order',
};

/** Tenths; nobody needs a line a percent. */
function tellRepair(context: CliContext, { json }: CommonOptions, step: OpenStep, percent: number): void {
  if (percent % 10 !== 0) return;
  if (json) context.print(JSON.stringify({ type: 'log.repairing', step, percent }));
  else context.say(`${STEP_WORDS[step]}: ${percent} %`);
}

async function count(context: CliContext): Promise<number> {
  return withLog(context, async (log) => (await log.verify()).records);
}
