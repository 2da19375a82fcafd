import { assertNever } from '#shared/base/assert-never.ts';
import type { EspLock } from '#shared/model/esp-locks.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Recipe, RecipeLock } from '#shared/model/recipe.ts';

const BURNT = 'burnt';

/** What of the recipe is wrong, and where: its part's path. */
interface EspLockFault {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

export function isEspLock(lock: RecipeLock): lock is EspLock {
  return lock.step.startsWith('esp-');
}

/** Whether the chip has what the steps ask for, and no two of them burn the same. */
export function espLockFaults(
  { keys = [], locks = [] }: Pick<Recipe, 'keys' | 'locks'>,
  efuse: EspEfuse,
): EspLockFault[] {
  const faults: EspLockFault[] =
    keys.length > 0 ? [{ path: ['keys'], detail: 'this chip makes no keys of its own' }] : [];
  const seen = new Set<string>();
  for (const [index, lock] of locks.entries()) {
    const path = ['locks', index];
    if (!isEspLock(lock)) {
      faults.push({ path, detail: 'this chip has no such step' });
      continue;
    }
    const { name } = espLockOperation(lock, locks);
    if (seen.has(name)) faults.push({ path, detail: 'this step is there twice' });
    seen.add(name);
    const detail = faultOf(lock, efuse) ?? shutBy(lock, locks, efuse);
    if (detail !== undefined) faults.push({ path, detail });
  }
  return faults;
}

/** A bit of WR_DIS keeps several fields: those of a step behind it could not be burnt any more. */
function shutBy(lock: EspLock, all: readonly RecipeLock[], { fields, switches }: EspEfuse): string | undefined {
  if (lock.step !== 'esp-write-protect') return undefined;
  const bit = fields.find(({ name }) => name === lock.field)?.lock;
  const later: Readonly<Record<string, readonly string[]>> = {
    'esp-read-protect': ['RD_DIS'],
    'esp-secure-boot': switches.secureBoot,
    'esp-secure-download': switches.secureDownload,
    'esp-disable-download': switches.download,
  };
  const shut = all.find(({ step }) =>
    later[step]?.some((name) => fields.find((field) => field.name === name)?.lock === bit),
  );
  return shut && bit !== undefined ? `the same bit of WR_DIS (${bit}) keeps what ${shut.step} burns` : undefined;
}

function faultOf(lock: EspLock, { keys, purposes, switches, fields, blocks }: EspEfuse): string | undefined {
  switch (lock.step) {
    case 'esp-key-digest': {
      const key = keys[lock.slot];
      if (!key) return `there is no key block ${lock.slot}`;
      const has =
        key.purpose === undefined ? lock.use === 0 : Object.values(purposes).includes(`SECURE_BOOT_DIGEST${lock.use}`);
      return has ? undefined : `this chip’s secure boot has no digest ${lock.use}`;
    }
    case 'esp-revoke-digest':
      return switches.revoke[lock.use] === undefined ? 'this chip revokes no digests' : undefined;
    case 'esp-secure-download':
      return switches.secureDownload.length === 0 ? 'this chip has no secure download mode' : undefined;
    case 'esp-write-protect': {
      const [, block] = /^BLOCK(\d+)$/u.exec(lock.field) ?? [];
      const bit =
        block === undefined ? fields.find(({ name }) => name === lock.field)?.lock : blocks[Number(block)]?.lock;
      return bit === undefined ? `${lock.field} is nothing that WR_DIS protects` : undefined;
    }
    case 'esp-read-protect':
      return (blocks[lock.block]?.hide ?? []).length === 0
        ? `BLOCK${lock.block} is nothing that RD_DIS hides`
        : undefined;
    case 'esp-custom-mac':
      return (lock.mac === undefined) === (lock.from === undefined)
        ? 'has either an address (mac) or a source (from)'
        : undefined;
    case 'esp-secure-boot':
    case 'esp-disable-jtag':
    case 'esp-disable-download':
      return undefined;
    default:
      return assertNever(lock, 'lock');
  }
}

/** `all`: every step of the recipe. */
export function espLockOperation(lock: EspLock, all: readonly { readonly step: string }[]): LockOperation {
  const { step } = lock;
  const base = { op: 'lock', step, expected: BURNT } as const;
  switch (lock.step) {
    case 'esp-key-digest':
      return { ...base, slot: lock.slot, use: lock.use, data: lock.digest, name: `key digest ${lock.slot}` };
    case 'esp-custom-mac': {
      // A unit's own is put in when it has one (release/unit-locks.ts); without it nobody burns anything.
      const data = lock.mac === undefined ? {} : { data: lock.mac.replaceAll(':', '') };
      return { ...base, ...data, name: 'custom MAC address' };
    }
    case 'esp-revoke-digest':
      return { ...base, use: lock.use, name: `revocation of digest ${lock.use}` };
    case 'esp-write-protect':
      return { ...base, field: lock.field, name: `write protection of ${lock.field}` };
    case 'esp-read-protect':
      return { ...base, field: `BLOCK${lock.block}`, name: `read protection of BLOCK${lock.block}` };
    case 'esp-secure-boot':
      return { ...base, digests: digestsOf(all), name: 'secure boot' };
    case 'esp-disable-jtag':
      return { ...base, name: 'no JTAG' };
    case 'esp-secure-download':
      return { ...base, name: 'secure download mode' };
    case 'esp-disable-download':
      return { ...base, name: 'no download mode' };
    default:
      return assertNever(lock, 'lock');
  }
}

function digestsOf(all: readonly object[]): string[] {
  return all.flatMap((lock) => ('digest' in lock && typeof lock.digest === 'string' ? [lock.digest] : []));
}
