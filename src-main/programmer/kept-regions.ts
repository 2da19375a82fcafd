import { createHash } from 'node:crypto';
import type { IoContext } from '#shared/base/clock.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Operation } from '#shared/model/plan.ts';
import type { KeptDigest } from '#shared/model/unit-record.ts';
import type { KeptRegion } from '../plan/kept-region.ts';
import { PlanFault } from './carry-out-checks.ts';
import type { FlashDevice } from './flash-device.ts';

/** Read in parts; a unit that hashes itself is asked for no more at once either. */
const PART = 0x10000;
const DIGESTED = 0x100000;

/** What the regions hold before anything is changed. */
export async function digestKept(
  regions: readonly KeptRegion[],
  device: FlashDevice,
  io: IoContext,
): Promise<KeptDigest[]> {
  const found: KeptDigest[] = [];
  for (const { name, address, size } of regions) {
    const { algorithm, digest } = await digestOf(device, { address, size }, io);
    found.push({ name, address, size, algorithm, before: digest, after: null });
  }
  return found;
}

/** What a region holds now. Rejects with `keep-changed` when it is not what it was, having told it. */
export async function verifyKept(
  { name, address, size }: Extract<Operation, { op: 'verify-kept' }>,
  before: readonly KeptDigest[],
  {
    device,
    io,
    tell,
  }: { readonly device: FlashDevice; readonly io: IoContext; readonly tell: (now: KeptDigest) => void },
): Promise<void> {
  const then = before.find((each) => each.address === address && each.size === size);
  if (!then) throw new PlanFault(`what is kept at ${address} was not looked at before`);
  const { algorithm, digest } = await digestOf(device, { address, size }, io);
  if (algorithm !== then.algorithm)
    throw new PlanFault(`${name} was hashed by ${then.algorithm}, then by ${algorithm}`);
  tell({ ...then, after: digest });
  if (digest !== then.before)
    throw new FlashlineError('keep-changed', { where: { address }, params: { name, address: hexAddress(address) } });
}

async function digestOf(
  device: FlashDevice,
  { address, size }: Pick<KeptRegion, 'address' | 'size'>,
  io: IoContext,
): Promise<{ readonly algorithm: KeptDigest['algorithm']; readonly digest: string }> {
  const { digest } = device;
  const told = digest && size <= DIGESTED ? await digest.of(address, size, io) : undefined;
  if (digest && told !== undefined) return { algorithm: digest.algorithm, digest: told };
  const hash = createHash('sha256');
  for (let done = 0; done < size; done += PART)
    hash.update(await device.read(address + done, Math.min(PART, size - done), io));
  return { algorithm: 'sha256', digest: hash.digest('hex') };
}
