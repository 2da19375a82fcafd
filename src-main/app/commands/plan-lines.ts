import { hexAddress } from '#shared/base/bytes.ts';
import type { LockOperation, PageDecision, PageReason, Plan } from '#shared/model/plan.ts';
import type { Engine } from '../../station/engine.ts';
import type { CliContext } from './command.ts';
import { withUnit } from './with-unit.ts';

/** The plan for the unit that is on the probe now; reads, and changes nothing. */
export async function planFor(engine: Engine, probe: string, context: CliContext): Promise<Plan> {
  return withUnit(
    { probe, interface: engine.release.recipe.interface },
    engine.release.chip,
    context,
    async (unit, io) => {
      await unit.identify(io);
      const device = await engine.openFlash(unit, io);
      return engine.plan(await engine.survey(device, io, () => undefined), device);
    },
  );
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
