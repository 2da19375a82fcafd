import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Recipe } from '#shared/model/recipe.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { LockSteps } from '../programmer/lock-steps.ts';
import type { Protection, ProtectionState } from '../target/protection/protection.ts';
import { rangesText, WRITE_PROTECTION, type WriteProtection } from '../target/protection/write-protection.ts';
import type { Unit } from '../target/target.ts';

export interface LockToOpen {
  readonly by: NonNullable<Recipe['unlock']>;
  /** As the unit came. */
  readonly found: ProtectionState['observed'];
  /** The hardware id, null where a locked unit does not tell it. Only reads. */
  readUid(io: IoContext): Promise<string | null>;
  /** Journal it before. */
  open(io: IoContext, progress: Progress): Promise<void>;
}

/**
 * Null when the unit is open. Rejects with `chip-protected` or `blocks-protected` when it is not, and the recipe does not
 * say to open it in just this way. A chip's write protection is opened where the recipe says to open anything at all; else
 * it stays: it may be that of another role, which was written before.
 */
export async function lockToOpen(
  { protection, writeProtection, chip }: Unit,
  recipe: Recipe,
  io: IoContext,
): Promise<LockToOpen | null> {
  const state = await protection?.read(io);
  if (!protection || !state?.locked)
    return recipe.unlock ? writeProtectionToLift({ chip, protection, writeProtection }, io) : null;
  const by = protection.opensBy ?? 'mass-erase';
  if (recipe.unlock === by) {
    const open = (context: IoContext, progress: Progress) => openAll(protection, writeProtection, context, progress);
    return { by, found: state.observed, readUid: (context) => protection.readUid(context), open };
  }
  if (protection.opensBy) throw blocksProtected(chip.name, state.observed);
  throw new FlashlineError('chip-protected', { params: { chip: chip.name } });
}

/** Behind a lock that hid everything there may be write protected pages. */
async function openAll(
  protection: Protection,
  pages: WriteProtection | undefined,
  io: IoContext,
  progress: Progress,
): Promise<void> {
  await protection.unlock(io, progress);
  if (pages && (await pages.read(io)).length > 0) await pages.lift(io);
}

async function writeProtectionToLift(
  { chip, protection, writeProtection: pages }: Pick<Unit, 'chip'> & Protections,
  io: IoContext,
): Promise<LockToOpen | null> {
  const ranges = (await pages?.read(io)) ?? [];
  if (!pages || ranges.length === 0) return null;
  return {
    by: 'block-protection',
    found: { [WRITE_PROTECTION]: rangesText(ranges) },
    readUid: (context) => protection?.readUid(context) ?? Promise.resolve(null),
    async open(context) {
      await pages.lift(context);
      const left = rangesText(await pages.read(context));
      if (left === 'none') return;
      const found = `${WRITE_PROTECTION} ${left}`;
      throw new FlashlineError('unlock-failed', { params: { chip: chip.name, found } });
    },
  };
}

interface Protections {
  readonly protection: Protection | undefined;
  readonly writeProtection: WriteProtection | undefined;
}

/**
 * Before anything is changed: a unit that is reached in a way that sees none of its locks cannot become what the recipe asks
 * for. Throws `lock-unsuited`.
 */
export function requireLockSteps(steps: LockSteps | undefined, { keys = [], locks = [] }: Recipe): void {
  const asked = [...locks.map(({ step }) => step), ...keys.map(({ slot }) => `key ${slot}`)][0];
  if (steps || asked === undefined) return;
  const detail = 'this probe reaches none of the unit’s locks';
  throw new FlashlineError('lock-unsuited', { params: { lock: asked, detail } });
}

function blocksProtected(chip: string, observed: ProtectionState['observed']): FlashlineError {
  const found = Object.entries(observed).map(([name, value]) => `${name} ${value}`);
  return new FlashlineError('blocks-protected', { params: { chip, found: found.join(', ') } });
}
