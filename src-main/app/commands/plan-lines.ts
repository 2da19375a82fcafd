import { hexAddress } from '#shared/base/bytes.ts';
import type { LockOperation, PageDecision, PageReason, Plan } from '#shared/model/plan.ts';
import type { DigestProof } from '#shared/model/unit-record.ts';
import type { FlashDevice } from '../../programmer/flash-device.ts';
import type { Engine } from '../../station/engine.ts';
import type { CliContext } from './command.ts';
import { withUnit } from './with-unit.ts';

/** The plan for the unit that is on the probe now, and how it would be proven; reads, and changes nothing. */
export async function planFor(
  engine: Engine,
  probe: string,
  context: CliContext,
): Promise<{ readonly plan: Plan; readonly proof: ExpectedProof }> {
  return withUnit(
    { probe, interface: engine.release.recipe.interface },
    engine.release.chip,
    context,
    async (unit, io) => {
      await unit.identify(io);
      const device = await engine.openFlash(unit, io);
      const plan = engine.plan(await engine.survey(device, io, () => undefined), device);
      return { plan, proof: proofOf(device) };
    },
  );
}

/** How what stands on the unit in the end is proven, as far as that is known before. */
export interface ExpectedProof {
  readonly by: 'read' | DigestProof;
  /** Why the unit makes no digests, where its interface could. */
  readonly refusal?: string;
}

export function proofOf({ digest }: Pick<FlashDevice, 'digest'>): ExpectedProof {
  if (!digest) return { by: 'read' };
  return digest.refusal === undefined ? { by: digest.algorithm } : { by: 'read', refusal: digest.refusal };
}

const PROOFS = {
  read: 'reading all of it back',
  md5: 'an MD5 that the unit makes of it',
  sha256: 'a SHA-256 that the unit makes of it',
} as const;

export function proofLine({ by, refusal }: ExpectedProof): string {
  const why = refusal === undefined ? '' : `, for the unit makes no digest: ${refusal}`;
  return `  In the end proven by ${PROOFS[by]}${why}`;
}

function lockLine({ op, name, expected }: LockOperation, index: number): string {
  return `  ${String(index + 1).padStart(3)}  ${op.padEnd(12)} ${name}: for good, must then be ${expected}`;
}

/** English, as everything that the command line says. */
export const REASONS: Readonly<Record<PageReason, string>> = {
  block: 'the checksum blocks agree about it',
  digest: 'by a checksum of the unit’s own',
  read: 'by reading it',
  sample: 'a sample of it differs',
  uncovered: 'no region of the checksum block has it',
  unseen: 'nobody looked: writing costs less',
  flag: 'it holds the valid flag',
  marker: 'it holds an end marker',
  rot: 'it was read back as something else',
};

export function decisionLine({ action, reason, memory, address, size }: PageDecision): string {
  const range = `${memory.padEnd(6)} ${hexAddress(address)} ${String(size).padStart(8)} bytes`;
  return `       ${action.padEnd(12)} ${range}  ${REASONS[reason]}`;
}

export function planLines(plan: Plan): string[] {
  const images = plan.images.map(
    ({ role, version, address, size, sha256 }) =>
      `  ${role} ${version}: ${size} bytes from ${hexAddress(address)}, sha256 ${sha256}`,
  );
  const operations = plan.operations.map((operation, index) => {
    if (operation.op === 'lock') return lockLine(operation, index);
    const role = 'role' in operation ? operation.role : '';
    const range = `${operation.memory.padEnd(6)} ${hexAddress(operation.address)} ${String(operation.size).padStart(8)} bytes`;
    return `  ${String(index + 1).padStart(3)}  ${operation.op.padEnd(12)} ${range}  ${role}`;
  });
  const { bytesToWrite, bytesSkipped, pagesToErase, flashMs } = plan;
  return [
    `Plan for ${plan.chip}:`,
    ...images,
    ...operations,
    ...plan.decisions.map(decisionLine),
    `  ${bytesToWrite} bytes to write, ${bytesSkipped} kept, ${pagesToErase} pages to erase; the flash alone needs ${(flashMs / 1000).toFixed(3)} s`,
  ];
}
