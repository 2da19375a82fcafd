import { assertNever } from '#shared/base/assert-never.ts';
import type { EspLock } from '#shared/model/esp-locks.ts';
import { type LockOperation, LockStepName } from '#shared/model/plan.ts';
import type { Recipe, RecipeLock, Role } from '#shared/model/recipe.ts';
import { espLockOperation, isEspLock } from './esp-lock-operations.ts';
import { coalescePages, type Layout } from './layout.ts';

const ORDER = LockStepName.options;

export type Steps = Pick<Recipe, 'keys' | 'locks'>;
type Range = NonNullable<LockOperation['ranges']>[number];

/** So many bytes are tried to be read of a chip that must not show them. */
const SECRET_BYTES = 64;

/** The recipe's steps of no return, in the order in which they are carried out. */
export function lockOperations({ keys = [], locks = [] }: Steps, layout: Layout): LockOperation[] {
  const made = keys.map(({ slot }): LockOperation => ({
    op: 'lock',
    step: 'atecc-key',
    slot,
    name: `key ${slot}`,
    expected: 'present',
  }));
  const others = locks.map((lock) => (isEspLock(lock) ? espLockOperation(lock, locks) : lockOperation(lock, layout)));
  return [...made, ...others].toSorted((a, b) => ORDER.indexOf(a.step) - ORDER.indexOf(b.step));
}

function lockOperation(lock: Exclude<RecipeLock, EspLock>, layout: Layout): LockOperation {
  const { step } = lock;
  switch (step) {
    case 'atecc-slot':
      return { op: 'lock', step, slot: lock.slot, name: `slot ${lock.slot}`, expected: 'locked' };
    case 'atecc-config':
      return { op: 'lock', step, name: 'configuration zone', expected: 'locked' };
    case 'atecc-data':
      return { op: 'lock', step, name: 'data zone', expected: 'locked' };
    case 'quad-enable':
      return { op: 'lock', step, name: 'quad enable', expected: 'enabled' };
    case 'block-protection':
      return { op: 'lock', step, name: 'block protection', expected: 'all blocks' };
    case 'write-protection': {
      const ranges = pagesOf(lock.role, layout);
      return { op: 'lock', step, ranges, name: `write protection of ${lock.role}`, expected: 'protected' };
    }
    case 'readout-protection':
      return { op: 'lock', step, ranges: secretOf(layout), name: 'read-out protection', expected: 'locked' };
    default:
      return assertNever(lock, 'lock');
  }
}

/** The pages that a role's image touches; what follows on one another in one range, through memories too. */
function pagesOf(role: Role, layout: Layout): Range[] {
  const ranges: Range[] = [];
  for (const { address, size } of coalescePages(layout.pages.filter((page) => page.role === role))) {
    const last = ranges.at(-1);
    if (last && last.address + last.size === address) last.size += size;
    else ranges.push({ address, size });
  }
  return ranges;
}

/** What the chip starts from, or whatever the images begin with: bytes that were proven to be there. */
function secretOf({ images, flags }: Layout): Range[] {
  const flag = flags[0]?.address;
  const segments = images.flatMap((image) => image.segments);
  const first = segments.find(({ address }) => address === flag) ?? segments[0];
  return first ? [{ address: first.address, size: Math.min(SECRET_BYTES, first.data.length) }] : [];
}
