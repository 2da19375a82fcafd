import { BADGE_CODE } from '#shared/contract/station.ts';
import { type Failure, FlashlineError, toFailure } from '#shared/model/failure.ts';
import { ReleaseRole } from '#shared/model/recipe.ts';
import type { RunEvent } from '#shared/model/run-event.ts';
import { isSimulated } from '#shared/model/unit-record.ts';
import { releaseRoles } from '../../station/lock-release.ts';
import type { Station } from '../../station/station.ts';
import type { ComposedStation } from '../compose.ts';
import type { CliContext } from './command.ts';
import { failureLines } from './outcome.ts';

/** Where a badge's code may stand for a command that nobody sits at. */
const BADGE_VARIABLE = 'FLASHLINE_BADGE';

interface Badges {
  readonly slot: string;
  /** `--release-locks-as`: on the bench, the badge that is made up for this role. */
  readonly as: ReleaseRole | undefined;
}

/** Throws `usage` for a role that there is not, and for a real unit: nobody stands in for a person there. */
export function benchRole(role: string | undefined, probe: string): ReleaseRole | undefined {
  if (role === undefined) return undefined;
  const { success, data } = ReleaseRole.safeParse(role);
  if (!success) throw usage(`--release-locks-as is one of ${ReleaseRole.options.join(', ')}, not ${role}`);
  if (!isSimulated({ probe })) throw usage('--release-locks-as is for the bench; a real unit waits for a badge');
  return data;
}

/** Several units would wait for one person at this command. Throws `usage`. */
export function requireNoBadge({ engine }: ComposedStation): void {
  if (!engine || releaseRoles(engine.release.recipe).length === 0) return;
  throw usage('this recipe’s locks are released by a badge: use flashline flash for one unit, or flashline serve');
}

/**
 * Hears when the unit waits, and takes the badge to the station: the code is asked for, or stands in the environment, and is
 * never said. A badge that is refused ends the run; the unit is whole, and its next run comes to the same place.
 */
export function lockReleaser(station: Station, { slot, as }: Badges, context: CliContext): (event: RunEvent) => void {
  const refuse = (failure: Failure) => {
    for (const line of failureLines(failure, context.describeFailure(failure))) context.say(line);
    station.abortSlot({ slot });
  };
  const release = async (roles: readonly string[]) => {
    const badge = as === undefined ? await badgeOf(roles, context) : `bench-${as}`;
    const outcome = station.scan({ code: BADGE_CODE.test(badge) ? badge : `*BADGE:${badge}*` });
    if (outcome.outcome === 'refused') refuse(outcome.failure);
    else if (outcome.outcome !== 'released') refuse(new FlashlineError('badge-unknown').failure);
  };
  return (event) => {
    if (event.type !== 'lock.waiting') return;
    void release(event.roles).catch((thrown: unknown) => refuse(toFailure(thrown)));
  };
}

/** Throws `usage` where nobody can be asked. */
export async function badgeOf(roles: readonly string[], { env, askSecret }: CliContext): Promise<string> {
  const given = env[BADGE_VARIABLE];
  if (given !== undefined && given !== '') return given.trim();
  if (askSecret !== undefined) return (await askSecret(`Badge (${roles.join(' or ')}): `)).trim();
  throw usage(`nobody can be asked for a badge here: set ${BADGE_VARIABLE}`);
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
