import { Command } from 'commander';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { logArchiveCommand } from './log-archive.ts';
import { logBackupCommand } from './log-backup.ts';
import { logExportCommand } from './log-export.ts';
import { logRejoinCommand } from './log-rejoin.ts';
import { logRepairCommand, logRestoreCommand } from './log-restore.ts';
import { logShowCommand } from './log-show.ts';
import { logYieldCommand } from './log-yield.ts';
import { type ChainCheck, CHECK_BEGINS } from '../../log/verify.ts';
import { safetyLines } from './safety-lines.ts';
import { withStores } from './with-log.ts';
import type { PublicKey } from '#shared/base/signer.ts';
import { toFailure } from '#shared/model/failure.ts';
import type { HeadCheck } from '../../log/chain-heads.ts';
import { publicKeyAt } from '../../log/key-store.ts';
import { keyFileOf } from '../compose-key.ts';
import { homeFolder } from '../compose-home.ts';
import { warningLine } from './outcome.ts';

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
    logArchiveCommand,
    logRestoreCommand,
    logRepairCommand,
    logRejoinCommand,
  ])
    log.addCommand(make(context, end));
  return log;
}

/** So many records between two words on how far it is. */
const TOLD_EVERY = 50_000;

function logVerifyCommand(context: CliContext, end: End): Command {
  const about = 'checks the chain of records: nothing changed, nothing missing';
  return command('verify', about, ['log verify']).action(async (options: CommonOptions) => {
    const { records, fault, heads, safety } = await withStores(context, async (stores) => {
      let progress = CHECK_BEGINS;
      while (!progress.over) {
        context.signal.throwIfAborted();
        const before = progress.records;
        progress = await stores.log.verifyPage(progress);
        const told = Math.floor(progress.records / TOLD_EVERY);
        if (told > Math.floor(before / TOLD_EVERY)) context.say(`${progress.records} records so far ...`);
      }
      const heads = await stores.heads.check(ownKey(context));
      return { ...progress, fault: progress.fault ?? heads.fault, heads, safety: await stores.safety.state() };
    });
    const isIncomplete = safety.gaps.length > 0 || safety.strays > 0;
    if (options.json) context.print(JSON.stringify({ type: 'log.verified', records, fault, heads, ...safety }));
    else {
      context.print(verdictLine({ records, fault }, isIncomplete));
      for (const line of [headLine(heads), ...safetyLines(safety)]) context.print(line);
    }
    end(fault === null && !isIncomplete ? 0 : 3);
  });
}

function verdictLine({ records, fault }: ChainCheck, isIncomplete: boolean): string {
  if (fault !== null) return `DAMAGED after ${records} records: ${fault}`;
  if (isIncomplete) return `NOT WHOLE: ${records} records are as they were made, others were lost or fit nowhere`;
  return `${records} records, the chain is whole`;
}

/** The public part needs no key store; without it, signatures are held against the keys that they name. */
function ownKey(context: CliContext): PublicKey | null {
  try {
    return publicKeyAt(keyFileOf(homeFolder(context.env)));
  } catch (thrown) {
    context.say(warningLine(toFailure(thrown), context));
    return null;
  }
}

function headLine({ keyId, through, since }: HeadCheck): string {
  return keyId === null
    ? 'No record is signed yet.'
    : `Signed by ${keyId} up to record ${through}, ${since} records since.`;
}
