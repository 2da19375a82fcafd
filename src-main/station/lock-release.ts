import type { Clock } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe, ReleaseRole } from '#shared/model/recipe.ts';
import type { PlantRules } from './plant-rules.ts';

/** How long a board waits for a badge, when nobody says otherwise. */
const RELEASE_MS = 10 * 60_000;

/** A person as far as a badge tells it. */
export interface BadgeHolder {
  readonly name: string;
  readonly roles: readonly string[];
}

/** A board that is written and proven, before its first step of no return. */
export interface LockWait {
  readonly slot: string;
  readonly roles: readonly ReleaseRole[];
  /** A unit of the virtual bench: badges that are made up release it. */
  readonly simulated: boolean;
}

interface Waiting extends LockWait {
  readonly release: (by: string) => void;
}

/** Whose badges release a unit's steps of no return; empty: nobody's is needed. */
export function releaseRoles({ lockRelease = [] }: Pick<Recipe, 'lockRelease'>): readonly ReleaseRole[] {
  return typeof lockRelease === 'string' ? [lockRelease] : lockRelease;
}

/** Before a real unit is touched: throws `lock-release-no-plant` where no badge could ever release it. */
export function requireReleaser(recipe: Pick<Recipe, 'lockRelease'>, plant: PlantRules | undefined): void {
  const roles = releaseRoles(recipe);
  if (roles.length === 0) return;
  if (!plant) throw new FlashlineError('lock-release-no-plant', { params: { roles: roles.join(', ') } });
  plant.requireBadge(roles);
}

const BENCH_BADGE = /^bench-(.+)$/u;

/** On the bench everybody may try every role: `bench-supervisor` is the badge of one. Null for any other badge. */
function benchHolder(badge: string): BadgeHolder | null {
  const role = BENCH_BADGE.exec(badge)?.[1];
  return role === undefined ? null : { name: badge, roles: [role] };
}

/** The station's boards that wait for a badge, and the badges that come. */
export class LockReleases {
  readonly #waiting = new Set<Waiting>();

  get someWait(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resolves to who released the board; rejects with the signal's reason. */
  wait(board: LockWait, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      const release = (by: string) => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', abort);
        resolve(by);
      };
      const waiting = { ...board, release };
      this.#waiting.add(waiting);
      return signal.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * One badge releases every board that waits: the screen names them all. Throws `badge-unknown`, `not-enrolled`, or
   * `badge-no-role`, and releases none then.
   */
  release(
    badge: string,
    plant: Pick<PlantRules, 'holderOf'> | undefined,
  ): { readonly by: string; readonly slots: string[] } {
    const made = benchHolder(badge);
    const simulated = made ? [...this.#waiting].filter((board) => board.simulated) : [];
    const holder = made && simulated.length > 0 ? made : holderOf(badge, plant);
    const boards = holder === made ? simulated : [...this.#waiting];
    const wanted = [...new Set(boards.flatMap(({ roles }) => roles))];
    const free = boards.filter(({ roles }) => roles.some((role) => holder.roles.includes(role)));
    if (free.length === 0)
      throw new FlashlineError('badge-no-role', { params: { name: holder.name, roles: wanted.join(', ') } });
    for (const board of free) board.release(holder.name);
    return { by: holder.name, slots: free.map(({ slot }) => slot) };
  }
}

function holderOf(badge: string, plant: Pick<PlantRules, 'holderOf'> | undefined): BadgeHolder {
  if (!plant) throw new FlashlineError('not-enrolled');
  return plant.holderOf(badge);
}

interface WaitServices {
  readonly lockReleases?: LockReleases;
  readonly lockReleaseMs?: number;
  readonly wallClock: Clock;
}

/**
 * Waits for the badge by real time: the bench's clock stands still for no person. Rejects with `lock-not-released` when none
 * came in time, and with the signal's reason.
 */
export async function waitForBadge(board: LockWait, services: WaitServices, signal: AbortSignal): Promise<string> {
  const { lockReleases = new LockReleases(), lockReleaseMs = RELEASE_MS, wallClock } = services;
  const params = { roles: board.roles.join(', '), minutes: Math.round(lockReleaseMs / 60_000) };
  const done = new AbortController();
  const late = new AbortController();
  const timer = wallClock.sleep(lockReleaseMs, done.signal).then(
    () => late.abort(new FlashlineError('lock-not-released', { params })),
    () => undefined,
  );
  try {
    return await lockReleases.wait(board, AbortSignal.any([signal, late.signal]));
  } finally {
    done.abort();
    await timer;
  }
}
