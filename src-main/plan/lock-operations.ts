import type { LockOperation, LockStepName } from '#shared/model/plan.ts';
import type { Recipe, RecipeLock } from '#shared/model/recipe.ts';
import type { Layout } from './layout.ts';

/** In which order the chip takes them: an ATECC makes keys behind its configuration's lock and before its data zone's. */
const ORDER: readonly LockStepName[] = ['atecc-config', 'atecc-key', 'atecc-data', 'atecc-slot'];

type Steps = Pick<Recipe, 'keys' | 'locks'>;

/** The recipe's steps of no return, in the order in which they are carried out. */
export function lockOperations({ keys = [], locks = [] }: Steps): LockOperation[] {
  const made = keys.map(({ slot }): LockOperation => ({
    op: 'lock',
    step: 'atecc-key',
    slot,
    name: `key ${slot}`,
    expected: 'present',
  }));
  return [...made, ...locks.map(lockOperation)].toSorted((a, b) => ORDER.indexOf(a.step) - ORDER.indexOf(b.step));
}

function lockOperation(lock: RecipeLock): LockOperation {
  const { step } = lock;
  if (step === 'atecc-slot')
    return { op: 'lock', step, slot: lock.slot, name: `slot ${lock.slot}`, expected: 'locked' };
  const name = step === 'atecc-config' ? 'configuration zone' : 'data zone';
  return { op: 'lock', step, name, expected: 'locked' };
}

/** What of the recipe is wrong, and where: its part's path. */
export interface LockFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

const CONFIG = 'config';

/**
 * Whether these steps fit to the chip and to the images: what is locked must have been proven, and what is to be proven must
 * be readable while nothing is locked yet.
 */
export function lockFaults({ keys = [], locks = [] }: Steps, via: Recipe['interface'], layout: Layout): LockFault[] {
  if (keys.length === 0 && locks.length === 0) return [];
  const { chip, images } = layout;
  if (via !== 'i2c' || chip.i2c?.kind !== 'atecc') {
    const detail = `${chip.name} by ${via} has no such steps`;
    return [{ path: [keys.length > 0 ? 'keys' : 'locks'], detail }];
  }
  const steps = locks.map((lock) => (lock.step === 'atecc-slot' ? `slot ${lock.slot}` : lock.step));
  const slots = keys.map(({ slot }) => slot);
  const touched = new Set(images.flatMap(({ segments }) => segments.map(({ memory }) => memory.name)));
  const zoneLock = locks.findIndex(({ step }) => step !== 'atecc-slot');
  const configLock = locks.findIndex(({ step }) => step === 'atecc-config');
  const faults: LockFault[] = [
    ...repeated(steps).map((index) => ({ path: ['locks', index], detail: 'this step is there twice' })),
    ...repeated(slots).map((index) => ({ path: ['keys', index], detail: 'this slot is there twice' })),
  ];
  if (configLock >= 0 && !isWholeIn(layout, CONFIG)) {
    const detail =
      'it needs an image that defines all of the configuration zone: what is not the release’s is not locked';
    faults.push({ path: ['locks', configLock], detail });
  }
  if (zoneLock >= 0 && [...touched].some((name) => name !== CONFIG)) {
    const detail =
      'the images of this recipe can be read back only behind this lock: put them into a recipe of their own, whose ' +
      'route comes after this one';
    faults.push({ path: ['locks', zoneLock], detail });
  }
  return faults;
}

/** Where an entry is the same as an earlier one. */
function repeated(entries: readonly (string | number)[]): number[] {
  return entries.flatMap((entry, index) => (entries.indexOf(entry) < index ? [index] : []));
}

/** Whether images define every byte of the memory but its lock words. */
function isWholeIn({ chip, images }: Layout, name: string): boolean {
  const memory = chip.memories.find((each) => each.name === name);
  const locks = chip.locks.filter((lock) => lock.memory === name).reduce((sum, { size }) => sum + size, 0);
  const defined = images
    .flatMap(({ segments }) => segments)
    .filter((segment) => segment.memory === memory)
    .reduce((sum, { data }) => sum + data.length, 0);
  return memory !== undefined && defined === memory.size - locks;
}
