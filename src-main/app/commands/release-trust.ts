import { Command } from 'commander';
import { FlashlineError } from '#shared/model/failure.ts';
import { nodeFiles } from '../../release/files.ts';
import { readPublicKey } from '../../release/flashpack/release-keys.ts';
import { readTrust, writeTrust } from '../../release/flashpack/trust-file.ts';
import { NO_TRUST, NOT_SET_UP, type TrustedKey, type TrustList, withKey } from '../../release/flashpack/trust-list.ts';
import { homeFolder, realClock, realRandom } from '../compose-home.ts';
import { trustFileOf } from '../compose-release.ts';
import { changeReleaseKeys, changeSetting, RELEASE_KEYS } from './change-setting.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { instantOf } from './log-times.ts';
import { withStores } from './with-log.ts';

type End = (code: ExitCode) => void;

interface AddOptions extends CommonOptions {
  readonly name: string;
  readonly from?: string;
  readonly until?: string;
}

export function trustCommand(context: CliContext, end: End): Command {
  const trust = withExamples(new Command('trust'), [
    'release trust add release.pub.pem --name "Release 2027" --from 2027-01-01 --until 2028-01-01',
    'release trust list',
    'release trust unsigned refuse',
  ]);
  trust.description('whose signatures this station trusts, and whether it runs releases without one');
  for (const make of [addCommand, listCommand, removeCommand, unsignedCommand]) trust.addCommand(make(context, end));
  return trust;
}

const BADGE = 'at a station of a plant a badge says who it is (asked for, or $FLASHLINE_BADGE)';

function addCommand(context: CliContext, end: End): Command {
  const about = `trusts a release key; one that is there already gets the new name and dates; ${BADGE}`;
  return command('add', about, ['release trust add release.pub.pem --name "Release 2027" --until 2028-01-01'])
    .argument('<key>', 'the public key: PEM (SPKI) or JWK')
    .requiredOption('--name <name>', 'what people call it; records say it')
    .option('--from <when>', 'trusted from then on (default: now)')
    .option('--until <when>', 'trusted until then (default: without an end)')
    .action(async (file: string, options: AddOptions) => {
      const publicKey = await readPublicKey(file, nodeFiles);
      const now = new Date(realClock.now()).toISOString();
      const { from: begin, until: limit } = options;
      const from = begin === undefined ? now : instantOf('from', begin);
      const until = limit === undefined ? null : instantOf('until', limit);
      if (until !== null && until <= from) throw usage(`--until ${until} is not after ${from}`);
      const name = nameOf(options.name);
      await changeReleaseKeys(async ({ by, at }) => {
        const added = { name, publicKey, from, until, addedAt: at, addedBy: by };
        const list = await change(context, (old) => withKey(old, added));
        const key = list.keys.at(-1);
        if (key) tellKey(key, options, context);
        return `add ${key?.keyId} ${name}, from ${from}${until === null ? '' : ` until ${until}`}`;
      }, context);
      end(0);
    });
}

function listCommand(context: CliContext, end: End): Command {
  const about = 'the keys that are trusted, and whether unsigned releases run';
  return command('list', about, ['release trust list --json', 'release trust list --changes'])
    .option('--changes', 'also who added and removed keys, the newest first')
    .action(async (options: CommonOptions & { readonly changes?: boolean }) => {
      const { keys, unsigned } = readTrust(trustFileOf(homeFolder(context.env)));
      for (const key of keys) tellKey(key, options, context);
      if (options.json)
        context.print(JSON.stringify({ type: 'release.unsigned', allowed: unsigned !== null, ...unsigned }));
      else context.print(unsignedLine(unsigned));
      if (options.changes === true) await tellChanges(options, context);
      end(0);
    });
}

const CHANGES_SHOWN = 20;

async function tellChanges({ json }: CommonOptions, context: CliContext): Promise<void> {
  const changes = await withStores(context, ({ settings }) => settings.changes(RELEASE_KEYS, CHANGES_SHOWN));
  for (const { value, by, at } of changes)
    if (json) context.print(JSON.stringify({ type: 'release.keys.changed', value, by, at }));
    else context.print(`${at}  ${value}, by ${by}`);
}

function removeCommand(context: CliContext, end: End): Command {
  const about = `trusts a key no more, from the next unit on; ${BADGE}`;
  return command('remove', about, ['release trust remove "Release 2027"'])
    .argument('<key>', 'its name, its id, or the beginning of its id')
    .action(async (wanted: string, options: CommonOptions) => {
      // A slip of the pen is told before anybody is asked for a badge.
      onlyKey(readTrust(trustFileOf(homeFolder(context.env))), wanted);
      await changeReleaseKeys(async () => {
        const { keyId, name } = onlyKey(readTrust(trustFileOf(homeFolder(context.env))), wanted);
        const list = await change(context, (old) => ({ ...old, keys: old.keys.filter((key) => key.keyId !== keyId) }));
        if (options.json) context.print(JSON.stringify({ type: 'release.keys', left: list.keys.length }));
        else context.print(`Removed. ${list.keys.length} keys are left.`);
        return `remove ${keyId} ${name}`;
      }, context);
      end(0);
    });
}

function onlyKey({ keys }: TrustList, wanted: string): TrustedKey {
  const found = keys.filter(({ name, keyId }) => name === wanted || keyId.startsWith(wanted));
  const [only] = found;
  if (found.length > 1) throw usage(`${found.length} keys are called or begin with ${wanted}`);
  if (!only) throw usage(`no key is called or begins with ${wanted}; "release trust list" shows them`);
  return only;
}

function unsignedCommand(context: CliContext, end: End): Command {
  const about = 'whether releases without a signature run on real units here: the setting release.unsigned';
  return command('unsigned', about, ['release trust unsigned allow', 'release trust unsigned refuse'])
    .argument('<answer>', 'allow or refuse')
    .action(async (answer: string, options: CommonOptions) => {
      if (answer !== 'allow' && answer !== 'refuse') throw usage(`say allow or refuse, not ${answer}`);
      await changeSetting('release.unsigned', answer, context);
      const { unsigned } = readTrust(trustFileOf(homeFolder(context.env)));
      if (options.json)
        context.print(JSON.stringify({ type: 'release.unsigned', allowed: unsigned !== null, ...unsigned }));
      else context.print(unsignedLine(unsigned));
      end(0);
    });
}

async function change(
  { env }: CliContext,
  next: (old: TrustList) => TrustList | Promise<TrustList>,
): Promise<TrustList> {
  const file = trustFileOf(homeFolder(env));
  const found = readTrust(file);
  const list = await next(found === NOT_SET_UP ? NO_TRUST : found);
  writeTrust(file, list, realRandom);
  return list;
}

function nameOf(name: string): string {
  if (/^[\p{L}\p{N}][\p{L}\p{N} ._+/-]{0,63}$/u.test(name)) return name;
  throw usage(`--name is 1 to 64 letters, digits and spaces, not ${name}`);
}

function tellKey(key: TrustedKey, { json }: CommonOptions, context: CliContext): void {
  const { name, keyId, from, until } = key;
  if (json) context.print(JSON.stringify({ type: 'release.key', ...key }));
  else context.print(`${keyId}  ${name}, from ${from}${until === null ? '' : ` until ${until}`}`);
}

function unsignedLine(unsigned: TrustList['unsigned']): string {
  if (unsigned === NOT_SET_UP.unsigned)
    return 'Releases without a signature run here until the first key is trusted, or the station is bound to a plant.';
  return unsigned === null
    ? 'Releases without a signature run on the bench only.'
    : `Releases without a signature run here: ${unsigned.by} allowed it at ${unsigned.at}.`;
}

function usage(detail: string): FlashlineError<'usage'> {
  return new FlashlineError('usage', { params: { detail } });
}
