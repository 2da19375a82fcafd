import { sha256Hex } from '#shared/base/digest.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { Operation, Plan, PlannedImage } from '#shared/model/plan.ts';
import { Role } from '#shared/model/recipe.ts';
import { programRuns } from './contents.ts';
import { coalescePages, type Flag, type Layout, type PageRange, type PlacedImage, type WantedPage } from './layout.ts';
import type { PageState } from './page-state.ts';

export interface PlanInput {
  readonly layout: Layout;
  /** What the unit's touched pages hold; left out (or incomplete) where nobody looked: those pages are rewritten. */
  readonly survey?: readonly PageState[];
}

/**
 * The operations that turn the surveyed unit into the release, in the order that keeps a torn run safe:
 * every flag that vouches for something that changes is cleared first (dependents first), then each role in order is
 * erased, programmed, read back, and only then its flag is set. Pure; throws nothing.
 */
export function makePlan({ layout, survey = [] }: PlanInput): Plan {
  const states = new Map(survey.map((state) => [state.address, state]));
  const roles = Role.options
    .filter((role) => layout.images.some((image) => image.role === role))
    .map((role) => decideRole(layout, role, states));
  const operations = [
    ...roles.toReversed().flatMap((role) => role.invalidate.map((range) => invalidateOperation(role, range))),
    ...roles.flatMap((role) => roleOperations(layout, role)),
  ];
  return { chip: layout.chip.id, images: plannedImages(layout), operations, ...costs(roles) };
}

/** A role's pages by what must happen to them. */
interface RoleDecision {
  readonly role: Role;
  /** Left as they are, but read back. */
  readonly kept: readonly WantedPage[];
  /** Programmed, sorted by address; those of `invalidate` and `erase` are erased before. */
  readonly changed: readonly WantedPage[];
  /** The flag that this plan clears and sets again; undefined when nothing changes. */
  readonly pendingFlag: Flag | undefined;
  readonly invalidate: readonly FlaggedPage[];
  readonly erase: readonly PageRange[];
}

/** A page to erase, and the flag's words that it holds. */
interface FlaggedPage extends PageRange {
  readonly flag: { readonly address: number; readonly size: number };
}

function decideRole(layout: Layout, role: Role, states: ReadonlyMap<number, PageState>): RoleDecision {
  const pages = layout.pages.filter((page) => page.role === role);
  const differs = (page: WantedPage) => states.get(page.address)?.crc32 !== page.crc32;
  const isBlank = (page: WantedPage) => states.get(page.address)?.blank === true;
  if (!pages.some(differs)) {
    return { role, kept: pages, changed: [], pendingFlag: undefined, invalidate: [], erase: [] };
  }
  const flag = layout.flags.find((candidate) => candidate.role === role);
  const holdsFlag = (page: WantedPage) => flag !== undefined && overlaps(page, flag);
  const mustChange = (page: WantedPage) => differs(page) || holdsFlag(page);
  const changed = pages.filter(mustChange);
  return {
    role,
    kept: pages.filter((page) => !mustChange(page)),
    changed,
    pendingFlag: flag,
    // Page by page, the last first: should the flag lie in two, the reset vector goes before the stack pointer.
    invalidate: changed
      .filter((page) => holdsFlag(page) && !isBlank(page))
      .toReversed()
      .flatMap((page) => (flag ? [flaggedPage(page, flag)] : [])),
    erase: coalescePages(changed.filter((page) => !holdsFlag(page) && !isBlank(page))),
  };
}

function overlaps(page: WantedPage, flag: Flag): boolean {
  return page.address < flag.address + flag.bytes.length && flag.address < page.address + page.bytes.length;
}

function flaggedPage({ memory, address }: WantedPage, flag: Flag): FlaggedPage {
  const from = Math.max(address, flag.address);
  const to = Math.min(address + memory.page, flag.address + flag.bytes.length);
  return { memory, address, size: memory.page, flag: { address: from, size: to - from } };
}

function invalidateOperation({ role }: RoleDecision, { memory, address, size, flag }: FlaggedPage): Operation {
  return { op: 'invalidate', role, memory: memory.name, address, size, flag };
}

function roleOperations(layout: Layout, decision: RoleDecision): Operation[] {
  const { role, pendingFlag } = decision;
  return [
    ...decision.erase.map(({ memory, address, size }): Operation => ({
      op: 'erase',
      memory: memory.name,
      address,
      size,
    })),
    ...coalescePages(decision.changed)
      .flatMap((range) => withoutFlag(range, pendingFlag))
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
        sha256: pendingFlag ? segment.sha256WithoutFlag : segment.sha256,
      })),
    ...(pendingFlag ? flagOperations(pendingFlag) : []),
  ];
}

function flagOperations({ role, memory, address, bytes }: Flag): Operation[] {
  const range = { role, memory: memory.name, address, size: bytes.length };
  return [
    { op: 'validate', ...range },
    { op: 'verify-flag', ...range, sha256: sha256Hex(bytes) },
  ];
}

/** The range without the flag's words; the flag stands at its start, its end, or in between. */
function withoutFlag(range: PageRange, flag: Flag | undefined): PageRange[] {
  if (flag?.memory !== range.memory) return [range];
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

function costs(roles: readonly RoleDecision[]): Omit<Plan, 'chip' | 'images' | 'operations'> {
  const total = { bytesToWrite: 0, bytesSkipped: 0, pagesToErase: 0, flashMs: 0 };
  for (const role of roles) {
    for (const page of role.kept) total.bytesSkipped += page.imageBytes;
    for (const range of [...role.invalidate, ...role.erase]) {
      const pages = range.size / range.memory.page;
      total.pagesToErase += pages;
      total.flashMs += pages * range.memory.eraseMs;
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
  return programRuns(memory, page.address, page.bytes).reduce((sum, run) => sum + run.bytes.length, 0) / memory.word;
}
