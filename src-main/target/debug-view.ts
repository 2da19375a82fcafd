import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess } from '../probe/memory-access.ts';
import { type AccessPort, findAccessPorts } from './access-ports.ts';
import type { Adi } from './adi.ts';
import { type CoreId, type DebugPortId, decodeCpuid, decodeTargetId, type PartId, partOf } from './debug-ids.ts';
import { ARM } from './manufacturers.ts';
import { type Component, readComponents } from './rom-table.ts';

const CPUID = 0xe000_ed00;
/** From DPv2 on (ADIv5.2, B2.2.11). */
const TARGETID = { bank: 2, address: 0x4 } as const;

/** What a chip's debug registers tell of it, beside what its description asks for. */
export interface DebugView {
  readonly debugPort: DebugPortId;
  readonly accessPorts: readonly AccessPort[];
  /** Undefined where the core cannot be reached: a locked chip. */
  readonly core: CoreId | undefined;
  /** Undefined where the maker left it unset, and where it cannot be read. */
  readonly part: PartId | undefined;
  /** Of the bus that memory is on. */
  readonly components: Component | undefined;
}

/** Only reads. Rejects with what stands against reading at all; what the chip refuses is left out. */
export async function readDebugView(adi: Adi, bus: number, memory: MemoryAccess, io: IoContext): Promise<DebugView> {
  const accessPorts = await findAccessPorts(adi, io);
  const base = accessPorts.find(({ at }) => at === bus)?.base;
  const cpuid = await refusable(memory.readWord(CPUID, io));
  const components =
    base === undefined || cpuid === undefined
      ? undefined
      : await readComponents((address, length, context) => memory.read(address, length, context), base, io);
  return {
    debugPort: adi.id,
    accessPorts,
    core: cpuid === undefined ? undefined : decodeCpuid(cpuid),
    part: (await partByDebugPort(adi, io)) ?? partByRomTable(components),
    components,
  };
}

async function partByDebugPort(adi: Adi, io: IoContext): Promise<PartId | undefined> {
  if (adi.id.version < 2) return undefined;
  const value = await adi.readDp(TARGETID.bank, TARGETID.address, io);
  return (value & 0xfff) > 1 ? decodeTargetId(value) : undefined;
}

/** The outermost table is the chip's; ARM's own number there means that its maker left the core's. */
function partByRomTable(table: Component | undefined): PartId | undefined {
  const id = table?.id;
  if (id === undefined || id.designer === 0 || id.designer === ARM) return undefined;
  return partOf(id.designer, id.part);
}

async function refusable(reading: Promise<number>): Promise<number | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof FlashlineError && error.failure.code === 'target-fault') return undefined;
    throw error;
  }
}
