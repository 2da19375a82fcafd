import { assertNever } from '#shared/base/assert-never.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import type { Recipe, RecipeLock } from '#shared/model/recipe.ts';
import { espLockFaults, isEspLock } from './esp-lock-operations.ts';
import type { Layout } from './layout.ts';
import type { Steps } from './lock-operations.ts';

/** What of the recipe is wrong, and where: its part's path. */
export interface LockFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

type Via = Recipe['interface'];

/**
 * Whether these steps fit to the chip and to the images: what is locked must have been proven, and what is to be proven must
 * be readable while nothing is locked yet.
 */
export function lockFaults(steps: Steps, via: Via, layout: Layout): LockFault[] {
  const { keys = [], locks = [] } = steps;
  const { chip, images } = layout;
  if (via === 'uart' && chip.uart?.kind === 'esp') return espLockFaults(steps, chip.uart.efuse);
  const none = `${chip.name} by ${via} has no such step`;
  const roles = new Set(images.map(({ role }) => role));
  return [
    ...(keys.length > 0 && !isElement(chip, via) ? [{ path: ['keys'], detail: none }] : []),
    ...locks.flatMap((lock, index) => (hasStep(lock, chip, via) ? [] : [{ path: ['locks', index], detail: none }])),
    ...repeated(locks.map(wordOf)).map((index) => ({ path: ['locks', index], detail: 'this step is there twice' })),
    ...repeated(keys.map(({ slot }) => slot)).map((index) => ({
      path: ['keys', index],
      detail: 'this slot is there twice',
    })),
    ...locks.flatMap((lock, index) =>
      lock.step === 'write-protection' && !roles.has(lock.role)
        ? [{ path: ['locks', index, 'role'], detail: `there is no ${lock.role} among the images` }]
        : [],
    ),
    ...(isElement(chip, via) ? elementFaults(locks, layout) : []),
  ];
}

/** Somebody is waited for only where something is locked. */
export function releaseFaults({
  keys = [],
  locks = [],
  lockRelease,
}: Steps & Pick<Recipe, 'lockRelease'>): LockFault[] {
  if (lockRelease === undefined || keys.length + locks.length > 0) return [];
  return [{ path: ['lockRelease'], detail: 'there are no keys and no locks to release' }];
}

function isElement(chip: ChipDescription, via: Via): boolean {
  return via === 'i2c' && chip.i2c?.kind === 'atecc';
}

function hasStep(lock: RecipeLock, chip: ChipDescription, via: Via): boolean {
  if (isEspLock(lock)) return false;
  const { step } = lock;
  const kind = via === 'swd' || via === 'jtag' ? chip.protection?.kind : undefined;
  const loader = via === 'uart' && chip.uart?.kind === 'stm32' ? chip.uart : undefined;
  switch (step) {
    case 'readout-protection':
      return kind !== undefined || loader !== undefined;
    case 'quad-enable':
    case 'block-protection':
      return via === 'spi' && chip.spi !== undefined;
    case 'write-protection':
      return kind === 'stm32f4-rdp' || kind === 'stm32g0-rdp' || loader?.writeProtection !== undefined;
    case 'atecc-config':
    case 'atecc-data':
    case 'atecc-slot':
      return isElement(chip, via);
    default:
      return assertNever(step, 'step');
  }
}

/** Tells one step from another of its kind. */
function wordOf(lock: RecipeLock): string {
  if (lock.step === 'atecc-slot') return `slot ${lock.slot}`;
  return lock.step === 'write-protection' ? `role ${lock.role}` : lock.step;
}

const CONFIG = 'config';

function elementFaults(locks: readonly RecipeLock[], layout: Layout): LockFault[] {
  const touched = new Set(layout.images.flatMap(({ segments }) => segments.map(({ memory }) => memory.name)));
  const zoneLock = locks.findIndex(({ step }) => step === 'atecc-config' || step === 'atecc-data');
  const configLock = locks.findIndex(({ step }) => step === 'atecc-config');
  const faults: LockFault[] = [];
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
