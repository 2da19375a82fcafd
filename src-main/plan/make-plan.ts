import { sha256Hex } from '#shared/base/digest.ts';
import { type ChipDescription, type FlashMemory, flashMemories } from '#shared/model/chip.ts';
import type { LockOperation, Operation, Plan, PlannedImage } from '#shared/model/plan.ts';
import type { Role } from '#shared/model/recipe.ts';
import { programRuns } from './contents.ts';
import { pageDecisions } from './page-decisions.ts';
import { eraseMs, pagesToErase } from './erase-cost.ts';
import {
  coalescePages,
  type Flag,
  type FlagKind,
  type Layout,
  type PageRange,
  type PlacedImage,
  type WantedPage,
} from './layout.ts';
import type { PageState } from './page-state.ts';
import { VOUCHED, WRITE_ORDER } from './write-order.ts';

export interface PlanInput {
  readonly layout: Layout;
  /** What the unit's touched pages hold; left out (or incomplete) where nobody looked: those pages are rewritten. */
  readonly survey?: readonly PageState[];
  /** Whether whoever carries the plan out has the chip's mass erase. */
  readonly canMassErase?: boolean;
  /** The recipe's steps of no return, in their order: behind all that can be checked. */
  readonly locks?: readonly LockOperation[];
}

/**
 * The operations that turn the surveyed unit into the release, in the order that keeps a torn run safe:
 * every flag that vouches for something that changes is cleared first (dependents first), then each role in order is
 * erased, programmed, read back, and only then its flag is set. Pure; throws nothing.
 */
export function makePlan({ layout, survey = [], canMassErase = false, locks = [] }: PlanInput): Plan {
  const states = new Map(survey.map((state) => [state.address, state]));
  const decided = WRITE_ORDER.filter((role) => layout.images.some((image) => image.role === role)).map((role) =>
    decideRole(layout, role, states),
  );
  const mass = canMassErase ? massErase(layout, decided, states) : undefined;
  const roles = mass ? decided.map((role) => afterMassErase(role, mass)) : decided;
  const operations = [
    ...roles.toReversed().flatMap((role) => role.invalidate.map((range) => invalidateOperation(role, range, mass))),
    ...foreignMarkers(layout, decided, states),
    ...(mass ? [massEraseOperation(layout.chip, mass)] : []),
    ...withKept(
      roles.flatMap((role) => roleOperations(layout, role)),
      layout,
    ),
    ...locks,
  ];
  const decisions = pageDecisions(layout, new Set(roles.flatMap(({ kept }) => kept)), states);
  return { chip: layout.chip.id, images: plannedImages(layout), operations, decisions, ...costs(roles, mass) };
}

/** Behind all that could have changed it, and before the last flag is set: a unit that lost what it should keep does not start. */
function withKept(operations: readonly Operation[], { kept }: Layout): Operation[] {
  const checks = kept.map(({ name, memory, address, size }): Operation => ({
    op: 'verify-kept',
    name,
    memory: memory.name,
    address,
    size,
  }));
  const last = operations.findLastIndex(({ op }) => op === 'validate');
  const place = last < 0 ? operations.length : last;
  return [...operations.slice(0, place), ...checks, ...operations.slice(place)];
}

/** A role's pages by what must happen to them. */
interface RoleDecision {
  readonly role: Role;
  /** Left as they are, but read back. */
  readonly kept: readonly WantedPage[];
  /** Programmed, sorted by address; those of `invalidate` and `erase` are erased before. */
  readonly changed: readonly WantedPage[];
  /** The flags that this plan clears, and sets again in this order; none when nothing changes. */
  readonly pendingFlags: readonly Flag[];
  readonly invalidate: readonly FlaggedPage[];
  readonly erase: readonly PageRange[];
}

/** A page to erase, and the flag's words that it holds. */
interface FlaggedPage extends PageRange {
  readonly flag: { readonly address: number; readonly size: number };
}

function decideRole(layout: Layout, role: Role, states: ReadonlyMap<number, PageState>): RoleDecision {
  const pages = layout.pages.filter((page) => page.role === role);
  const differs = (page: WantedPage) => states.get(page.address)?.digest !== page.digest;
  const isBlank = (page: WantedPage) => states.get(page.address)?.blank === true;
  const data = VOUCHED[role] ?? [];
  if (!pages.some(differs) && !layout.pages.some((page) => data.includes(page.role) && differs(page))) {
    return { role, kept: pages, changed: [], pendingFlags: [], invalidate: [], erase: [] };
  }
  const flags = layout.flags.filter((candidate) => candidate.role === role);
  // What vouches for the unit's old content goes with the flags.
  const oldMarker = (page: WantedPage) => states.get(page.address)?.marker;
  const holdsFlag = (page: WantedPage) => flags.some((flag) => overlaps(page, flag)) || oldMarker(page) !== undefined;
  const mustChange = (page: WantedPage) => differs(page) || holdsFlag(page);
  const changed = pages.filter(mustChange);
  return {
    role,
    kept: pages.filter((page) => !mustChange(page)),
    changed,
    pendingFlags: flags,
    invalidate: invalidated(
      changed.filter((page) => holdsFlag(page) && !isBlank(page)),
      flags,
      oldMarker,
    ),
    erase: eraseRanges(changed, (page) => !holdsFlag(page) && !isBlank(page) && !page.memory.overwrite),
  };
}

/**
 * Page by page, those of the valid flag first, and the last of them first: should it lie in two, the reset vector goes
 * before the stack pointer.
 */
function invalidated(
  pages: readonly WantedPage[],
  flags: readonly Flag[],
  oldMarker: (page: WantedPage) => number | undefined,
): FlaggedPage[] {
  const first = flags.find(({ kind }) => kind === 'start') ?? flags[0];
  const isFirst = (page: WantedPage) => first !== undefined && overlaps(page, first);
  const ordered = [...pages.filter(isFirst).toReversed(), ...pages.filter((page) => !isFirst(page))];
  return ordered.flatMap((page) => {
    const { memory, address } = page;
    const old = oldMarker(page);
    if (old !== undefined && !isFirst(page)) return [{ memory, address, size: memory.page, flag: wordAt(memory, old) }];
    const flag = flags.find((each) => overlaps(page, each));
    return flag ? [flaggedPage(page, flag)] : [];
  });
}

function wordAt({ start, word }: FlashMemory, address: number): { readonly address: number; readonly size: number } {
  return { address: address - ((address - start) % word), size: Math.max(word, 4) };
}

/** The unit's end marker where the release has nothing to say: zeros over it, so that what it vouched for is not believed again. */
function foreignMarkers(
  { chip, block, pages }: Layout,
  roles: readonly RoleDecision[],
  states: ReadonlyMap<number, PageState>,
): Operation[] {
  if (!block || !('block' in block)) return [];
  const { role } = block;
  if (!roles.some((decision) => decision.role === role && decision.changed.length > 0)) return [];
  const known = new Set(pages.map(({ address }) => address));
  return [...states.values()].flatMap(({ address, marker }): Operation[] => {
    const memory = flashMemories(chip).find(({ start, size }) => address >= start && address < start + size);
    if (marker === undefined || known.has(address) || !memory) return [];
    const flag = wordAt(memory, marker);
    return [{ op: 'invalidate', role, memory: memory.name, address, size: memory.page, flag, zerosOnly: true }];
  });
}

/** The pages that must be erased, and those of `changed` beside them that make it cheaper. */
function eraseRanges(changed: readonly WantedPage[], must: (page: WantedPage) => boolean): PageRange[] {
  const chosen = new Set<number>();
  for (const memory of new Set(changed.map((page) => page.memory))) {
    const pages = changed.filter((page) => page.memory === memory);
    const addresses = (some: readonly WantedPage[]) => new Set(some.map(({ address }) => address));
    const cheapest = pagesToErase(memory, addresses(pages.filter(must)), addresses(pages));
    for (const address of cheapest) chosen.add(address);
  }
  return coalescePages(changed.filter(({ address }) => chosen.has(address)));
}

interface MassErase {
  readonly ms: number;
  readonly memories: readonly FlashMemory[];
}

/**
 * The chip's mass erase, where it is cheaper than erasing what must be erased page by page, and changes nothing that
 * the release does not name: every page of its memories is rewritten, or known to be blank.
 */
function massErase(
  { chip, kept }: Layout,
  roles: readonly RoleDecision[],
  states: ReadonlyMap<number, PageState>,
): MassErase | undefined {
  if (!chip.massErase) return undefined;
  const { ms, memories: names } = chip.massErase;
  const memories = flashMemories(chip).filter(({ name }) => names.includes(name));
  if (kept.some(({ memory }) => names.includes(memory.name))) return undefined;
  const changed = new Set(roles.flatMap((role) => role.changed.map(({ address }) => address)));
  const expendable = (address: number) => changed.has(address) || states.get(address)?.blank === true;
  for (const { start, size, page } of memories) {
    for (let at = start; at < start + size; at += page) if (!expendable(at)) return undefined;
  }
  const covered = ({ memory }: { readonly memory: FlashMemory }) => memories.includes(memory);
  const invalidated = roles.flatMap((role) => role.invalidate).filter(covered);
  const single = totalMs([...invalidated, ...roles.flatMap((role) => role.erase).filter(covered)]);
  const beforehand = totalMs(invalidated.filter(({ memory }) => !memory.zeroable));
  return single > ms + beforehand ? { ms, memories } : undefined;
}

function totalMs(ranges: readonly PageRange[]): number {
  return ranges.reduce((sum, { memory, address, size }) => sum + eraseMs(memory, address, size), 0);
}

/** What the mass erase does not reach is erased page by page as ever. */
function afterMassErase(role: RoleDecision, { memories }: MassErase): RoleDecision {
  return { ...role, erase: role.erase.filter(({ memory }) => !memories.includes(memory)) };
}

function massEraseOperation(chip: ChipDescription, { memories }: MassErase): Operation {
  const vectors = chip.boot?.vectors ?? -1;
  const boots = memories.find(({ start, size }) => vectors >= start && vectors < start + size);
  const { name, start, size } = boots ?? memories[0] ?? { name: '', start: 0, size: 0 };
  return { op: 'mass-erase', memory: name, address: start, size, memories: memories.map((memory) => memory.name) };
}

function overlaps(page: WantedPage, flag: Flag): boolean {
  return page.address < flag.address + flag.bytes.length && flag.address < page.address + page.bytes.length;
}

function flaggedPage({ memory, address }: WantedPage, flag: Flag): FlaggedPage {
  const from = Math.max(address, flag.address);
  const to = Math.min(address + memory.page, flag.address + flag.bytes.length);
  return { memory, address, size: memory.page, flag: { address: from, size: to - from } };
}

function invalidateOperation(
  { role }: RoleDecision,
  { memory, address, size, flag }: FlaggedPage,
  mass: MassErase | undefined,
): Operation {
  const range = { op: 'invalidate', role, memory: memory.name, address, size, flag } as const;
  return mass?.memories.includes(memory) && memory.zeroable ? { ...range, zerosOnly: true } : range;
}

function roleOperations(layout: Layout, decision: RoleDecision): Operation[] {
  const { role, pendingFlags } = decision;
  return [
    ...decision.erase.map(({ memory, address, size }): Operation => ({
      op: 'erase',
      memory: memory.name,
      address,
      size,
    })),
    ...coalescePages(decision.changed)
      .flatMap((range) => withoutFlags(range, pendingFlags))
      .flatMap((range) => trimmed(layout, range))
      .map(({ memory, address, size }): Operation => ({ op: 'program', role, memory: memory.name, address, size })),
    ...layout.images
      .filter((image) => image.role === role)
      .flatMap((image) => image.segments)
      .map((segment): Operation => ({
        op: 'verify',
        role,
        memory: segment.memory.name,
        address: segment.address,
        size: segment.data.length,
        sha256: pendingFlags.length > 0 ? segment.sha256WithoutFlag : segment.sha256,
      })),
    ...pendingFlags.toSorted((a, b) => SETTING.indexOf(a.kind) - SETTING.indexOf(b.kind)).flatMap(flagOperations),
  ];
}

/** A unit starts when its first words are there: what else says that it is valid is there by then. */
const SETTING: readonly FlagKind[] = ['named', 'start', 'marker'];

function flagOperations({ role, memory, address, bytes }: Flag): Operation[] {
  const range = { role, memory: memory.name, address, size: bytes.length };
  return [
    { op: 'validate', ...range },
    { op: 'verify-flag', ...range, sha256: sha256Hex(bytes) },
  ];
}

function withoutFlags(range: PageRange, flags: readonly Flag[]): PageRange[] {
  return flags.reduce<PageRange[]>((parts, flag) => parts.flatMap((part) => withoutFlag(part, flag)), [range]);
}

/** The range without the flag's words; the flag stands at its start, its end, or in between. */
function withoutFlag(range: PageRange, flag: Flag): PageRange[] {
  if (flag.memory !== range.memory) return [range];
  const { memory } = range;
  const end = range.address + range.size;
  const before = Math.min(Math.max(flag.address, range.address), end);
  const after = Math.min(Math.max(flag.address + flag.bytes.length, range.address), end);
  return [
    { memory, address: range.address, size: before - range.address },
    { memory, address: after, size: end - after },
  ].filter((part) => part.size > 0);
}

/** Without the erased words at both ends: nothing is programmed there. */
function trimmed(layout: Layout, { memory, address, size }: PageRange): PageRange[] {
  if (memory.overwrite) return [{ memory, address, size }];
  const runs = programRuns(memory, address, layout.contents.bytes(address, size));
  const [first] = runs;
  const last = runs.at(-1);
  if (!first || !last) return [];
  return [{ memory, address: first.address, size: last.address + last.bytes.length - first.address }];
}

/** What a record says of the release's images, in the order of `Role`. */
export function plannedImages(layout: Layout): PlannedImage[] {
  return layout.images.map(plannedImage);
}

function plannedImage({ role, version, sha256, segments }: PlacedImage): PlannedImage {
  return {
    role,
    version,
    address: segments[0]?.address ?? 0,
    size: segments.reduce((sum, segment) => sum + segment.data.length, 0),
    sha256,
    segments: segments.map((segment) => ({
      memory: segment.memory.name,
      address: segment.address,
      size: segment.data.length,
      sha256: segment.sha256,
    })),
  };
}

function costs(
  roles: readonly RoleDecision[],
  mass: MassErase | undefined,
): Omit<Plan, 'chip' | 'images' | 'operations' | 'decisions'> {
  const total = { bytesToWrite: 0, bytesSkipped: 0, pagesToErase: 0, flashMs: mass?.ms ?? 0 };
  for (const { size, page } of mass?.memories ?? []) total.pagesToErase += size / page;
  for (const role of roles) {
    for (const page of role.kept) total.bytesSkipped += page.imageBytes;
    const invalidated = role.invalidate.filter(({ memory }) => !(mass?.memories.includes(memory) && memory.zeroable));
    for (const { memory, address, size } of [...invalidated, ...role.erase]) {
      total.pagesToErase += size / memory.page;
      total.flashMs += eraseMs(memory, address, size);
    }
    for (const { memory, flag } of role.invalidate) {
      if (memory.zeroable) total.flashMs += ((flag.size / memory.word) * memory.wordUs) / 1000;
    }
    for (const page of role.changed) {
      const words = wordsToProgram(page.memory, page);
      total.bytesToWrite += words * page.memory.word;
      total.flashMs += (words * page.memory.wordUs) / 1000;
    }
  }
  return total;
}

function wordsToProgram(memory: FlashMemory, page: WantedPage): number {
  if (memory.overwrite) return memory.page / memory.word;
  return programRuns(memory, page.address, page.bytes).reduce((sum, run) => sum + run.bytes.length, 0) / memory.word;
}
