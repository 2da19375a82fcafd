import { sha256Hex } from '#shared/base/digest.ts';
import type { ChipDescription, Memory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type Flm, readFlm } from '../../image/flm.ts';
import type { OpenPack } from './open-pack.ts';
import type { PackAlgorithm, PackDevice } from './pdsc.ts';

/** One part made usable: its description, and the algorithm files that it names. */
export interface ImportedPart {
  readonly chip: ChipDescription;
  /** By the name that the description uses. */
  readonly algorithms: ReadonlyMap<string, Uint8Array>;
}

/** CPUID.PARTNO of the cores (their technical reference manuals, "CPUID Base Register"). */
const CORES: ReadonlyMap<string, { readonly core: ChipDescription['core']; readonly part: number }> = new Map([
  ['Cortex-M0', { core: 'cortex-m0', part: 0xc20 }],
  ['Cortex-M0+', { core: 'cortex-m0plus', part: 0xc60 }],
  ['Cortex-M1', { core: 'cortex-m0', part: 0xc21 }],
  ['Cortex-M3', { core: 'cortex-m3', part: 0xc23 }],
  ['Cortex-M4', { core: 'cortex-m4', part: 0xc24 }],
  ['Cortex-M7', { core: 'cortex-m7', part: 0xc27 }],
  ['Cortex-M23', { core: 'cortex-m23', part: 0xd20 }],
  ['Cortex-M33', { core: 'cortex-m33', part: 0xd21 }],
]);
const CPUID = 0xe000_ed00;
const PARTNO = 0xfff0;

/** Packs advise no clock most of the time; every probe and board can do this, and the wire steps down from there. */
const CLOCK_HZ = 4_000_000;
/** An algorithm tells time-outs, the cost model wants typical times: deadlines allow ten of those. */
const PATIENCE = 10;

/**
 * A part's description from its pack. What a pack does not tell is left out: hardware id, locks, protection.
 * Rejects with `pack-invalid`, also for a core that we cannot run code on.
 */
export async function describePart(pack: OpenPack, device: PackDevice): Promise<ImportedPart> {
  const core = CORES.get(device.core);
  if (!core) throw invalid(device.name, `its core ${device.core || '(none named)'} is not supported`);
  const algorithms = new Map<string, Uint8Array>();
  const described: NonNullable<ChipDescription['algorithms']>[number][] = [];
  const flash: Memory[] = [];
  for (const algorithm of chosen(device)) {
    const bytes = await pack.file(algorithm.file);
    const flm = readFlm(algorithm.file, bytes);
    const file = `${sha256Hex(bytes).slice(0, 16)}.flm`;
    algorithms.set(file, bytes);
    described.push({ file, sha256: sha256Hex(bytes), ...rangeOf(algorithm, flm), ram: ramFor(device, algorithm) });
    flash.push(...flashMemories(device, algorithm, flm));
  }
  const [first] = flash;
  if (!first) throw invalid(device.name, 'its pack has no flash algorithm for it');
  const ram = device.memories.filter(({ writable, size }) => writable && size > 0);
  const chip: ChipDescription = {
    schema: 1,
    id: idOf(device.name),
    name: `${device.vendor} ${device.name}`.trim(),
    core: core.core,
    source: `CMSIS-Pack ${pack.pack.vendor}.${pack.pack.name} ${pack.pack.version}`,
    swd: { maxHz: device.clockHz ?? CLOCK_HZ },
    bus: { ap: device.ap },
    memories: [...flash, ...ram.map(({ name, start, size }) => ({ kind: 'ram' as const, name, start, size }))],
    identity: { checks: [{ register: 'CPUID', address: CPUID, value: core.part << 4, mask: PARTNO }] },
    locks: [],
    controller: { kind: 'flm', base: 0 },
    algorithms: described,
    boot: { vectors: startOf(device) ?? first.start },
  };
  return { chip, algorithms };
}

/** What a recipe's `chip:` says for a part. */
export function idOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-|-$/gu, '');
}

/**
 * The algorithms for images: the pack's defaults, or what covers its read-only memories where it marks none. The others
 * write option bytes and fuses, which are locks, not images.
 */
function chosen({ algorithms, memories }: PackDevice): readonly PackAlgorithm[] {
  const byDefault = algorithms.filter((one) => one.byDefault);
  const covering = algorithms.filter(({ start, size }) =>
    memories.some((memory) => !memory.writable && memory.start < start + size && start < memory.start + memory.size),
  );
  const wanted = byDefault.length > 0 ? byDefault : covering;
  // A pack may offer several for one range; the first is its own choice.
  return wanted.filter(
    (one, index) =>
      !wanted
        .slice(0, index)
        .some((other) => other.start < one.start + one.size && one.start < other.start + other.size),
  );
}

function rangeOf(algorithm: PackAlgorithm, flm: Flm): { readonly start: number; readonly size: number } {
  const start = Math.max(algorithm.start, flm.start);
  const end = Math.min(algorithm.start + algorithm.size, flm.start + flm.size);
  if (end <= start) throw invalid(algorithm.file, 'it writes other addresses than its pack says');
  return { start, size: end - start };
}

/** Where the algorithm may stand; a pack that does not say has one RAM for everything. */
function ramFor(device: PackDevice, algorithm: PackAlgorithm): { readonly start: number; readonly size: number } {
  if (algorithm.ram && algorithm.ram.size > 0) return algorithm.ram;
  const ram = device.memories
    .filter(({ writable }) => writable)
    .toSorted((a, b) => Number(b.byDefault) - Number(a.byDefault) || b.size - a.size)[0];
  if (!ram) throw invalid(device.name, 'it has no RAM for the flash algorithm');
  return { start: ram.start, size: ram.size };
}

/** One memory for each run of equal sectors. A page of the algorithm is the smallest unit that is safe with any ECC. */
function flashMemories(device: PackDevice, algorithm: PackAlgorithm, flm: Flm): Memory[] {
  const { start, size } = rangeOf(algorithm, flm);
  const label = device.memories.find((one) => one.start <= start && start < one.start + one.size)?.name ?? 'flash';
  return flm.sectors.flatMap(({ size: page, offset }, index): Memory[] => {
    const from = Math.max(start, flm.start + offset);
    const to = Math.min(start + size, flm.start + (flm.sectors[index + 1]?.offset ?? flm.size));
    if (to <= from) return [];
    const word = Math.min(flm.pageSize, page);
    const whole = (from - flm.start - offset) % page === 0 && (to - from) % page === 0 && page % word === 0;
    if (!whole) throw invalid(algorithm.file, `sectors of ${page} bytes do not fit its range`);
    const name = flm.sectors.length === 1 ? label : `${label}-${index + 1}`;
    const eraseMs = Math.max(flm.eraseMs / PATIENCE, 0.1);
    const wordUs = Math.max((flm.programMs * 1000) / PATIENCE, 1);
    const cost = { page, word, erased: flm.erased, zeroable: false, eraseMs, wordUs };
    return [{ kind: 'flash', name, start: from, size: to - from, ...cost }];
  });
}

function startOf({ memories }: PackDevice): number | undefined {
  return memories.find(({ startup, writable }) => startup && !writable)?.start;
}

function invalid(file: string, detail: string): FlashlineError {
  return new FlashlineError('pack-invalid', { where: { file }, params: { file, detail } });
}
