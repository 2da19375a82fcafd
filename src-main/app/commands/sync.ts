import { Command } from 'commander';
import type { SyncState } from '#shared/contract/sync.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { isFetched } from '../../sync/releases.ts';
import { releasesFolder } from '../compose-sync.ts';
import { fetchPlantRelease } from '../plant-release.ts';
import { type CliContext, command, type CommonOptions, type ExitCode, withExamples } from './command.ts';
import { failureLines } from './outcome.ts';
import { requireEnrolled, withSync } from './with-sync.ts';

type End = (code: ExitCode) => void;

export function syncCommand(context: CliContext, end: End): Command {
  const sync = withExamples(new Command('sync'), [
    'sync status',
    'sync enrol --plant https://plant:8443 --code FL1-...',
  ]);
  sync.description('this station and its plant server');
  for (const make of [enrolCommand, statusCommand, nowCommand, releasesCommand, fetchCommand])
    sync.addCommand(make(context, end));
  return sync;
}

function enrolCommand(context: CliContext, end: End): Command {
  const about = 'binds this station to a plant, with the one-time code that the plant gave out';
  return command('enrol', about, ['sync enrol --plant https://plant.example:8443 --code FL1-...'])
    .requiredOption('--plant <url>', 'address of the plant server')
    .requiredOption('--code <code>', 'from "flashline plant enrol-station" or the plant’s pages')
    .action(async (options: CommonOptions & { plant: string; code: string }) => {
      const { plant: url, code } = options;
      const state = await withSync(context, (sync) => sync.enrol({ url, code }, context.signal));
      end(tellState(state, options, context));
    });
}

function statusCommand(context: CliContext, end: End): Command {
  const about = 'how this station stands with its plant; asks nobody';
  return command('status', about, ['sync status', 'sync status --json']).action(async (options: CommonOptions) => {
    const state = await withSync(context, (sync) => sync.state());
    tellState(state, options, context);
    end(0);
  });
}

function nowCommand(context: CliContext, end: End): Command {
  const about = 'sends every record, and takes over what the plant has for this station';
  return command('now', about, ['sync now']).action(async (options: CommonOptions) => {
    const state = await withSync(context, async (sync) => {
      requireEnrolled(sync);
      return sync.now(context.signal);
    });
    end(tellState(state, options, context));
  });
}

function releasesCommand(context: CliContext, end: End): Command {
  const about = 'what the plant has published, as of the last visit';
  return command('releases', about, ['sync releases']).action(async (options: CommonOptions) => {
    await withSync(context, async (sync, home) => {
      const releases = requireEnrolled(sync).document?.releases ?? [];
      if (releases.length === 0 && !options.json) context.say('The plant has published nothing.');
      for (const release of releases) {
        const fetched = await isFetched(releasesFolder(home), release.digest);
        const { digest, product, revision, version, publishedAt } = release;
        if (options.json) context.print(JSON.stringify({ type: 'release', ...release, fetched }));
        else context.print([digest, product, revision, version, publishedAt, fetched ? 'here' : '-'].join('  '));
      }
    });
    end(0);
  });
}

function fetchCommand(context: CliContext, end: End): Command {
  const about = 'downloads a published release, proves it, and says where it is';
  return command('fetch', about, ['sync fetch <digest>'])
    .argument('<digest>', 'as "sync releases" shows it; its first characters are enough')
    .action(async (start: string, options: CommonOptions) => {
      const folder = await withSync(context, async (sync, home) => {
        requireEnrolled(sync);
        await sync.now(context.signal);
        return fetchPlantRelease(fullDigest(sync, start), { sync, home, signal: context.signal });
      });
      context.print(options.json ? JSON.stringify({ type: 'release.fetched', folder }) : folder);
      end(0);
    });
}

function fullDigest(sync: Parameters<typeof requireEnrolled>[0], start: string): string {
  const releases = requireEnrolled(sync).document?.releases ?? [];
  const found = releases.filter(({ digest }) => digest.startsWith(start.toLowerCase()));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.digest;
  if (found.length === 0) throw new FlashlineError('release-withdrawn', { params: { release: start } });
  throw new FlashlineError('usage', { params: { detail: `${found.length} releases begin with ${start}` } });
}

/** 3 when the visit ended in a failure. */
function tellState(state: SyncState, { json }: CommonOptions, context: CliContext): ExitCode {
  const { failure } = state;
  if (json) context.print(JSON.stringify({ type: 'sync.state', ...state }));
  else {
    for (const line of stateLines(state)) context.print(line);
    if (failure) for (const line of failureLines(failure, context.describeFailure(failure))) context.say(line);
  }
  return failure === null ? 0 : 3;
}

function stateLines(state: SyncState): string[] {
  const { plant, station, phase, pending, oldestAt, lastContactAt, leaseUntil, skewMs, numbers } = state;
  if (plant === null) return ['not enrolled at a plant', `${pending} records are kept here`];
  return [
    `plant    ${plant.name} at ${plant.url}, this station is ${station ?? ''}`,
    `state    ${phase}`,
    `pending  ${pending}${oldestAt === null ? '' : `, the oldest of ${oldestAt}`}`,
    `contact  ${lastContactAt ?? 'never'}`,
    `alone    until ${leaseUntil ?? 'the first contact'}`,
    ...(skewMs === null ? [] : [`clock    ${skewMs} ms against the plant’s`]),
    ...numbers.map(({ pool, left, until }) => `numbers  ${left} left of ${pool}, until ${until}`),
  ];
}
