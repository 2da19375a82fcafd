import type { Operation, Plan } from '#shared/model/plan.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { Layout, PageRange } from './layout.ts';
import { blankDigest } from './page-digest.ts';
import type { PageState } from './page-state.ts';
import { WRITE_ORDER } from './write-order.ts';

export interface RotInput {
  readonly layout: Layout;
  /** What the plan was made of. */
  readonly survey: readonly PageState[];
  readonly plan: Plan;
  readonly pages: readonly PageRange[];
  /** The read-back that found them: what stands before it in the plan was carried out. */
  readonly operation: Operation;
}

/** What the unit holds when a plan is left for rot: roles before are proven, flags behind are clear, the rotten pages differ. */
export function statesAfterRot({ layout, survey, plan, pages, operation }: RotInput): PageState[] {
  const states = new Map(survey.map((state) => [state.address, state]));
  const role = 'role' in operation ? operation.role : undefined;
  const before = role === undefined ? [] : WRITE_ORDER.slice(0, WRITE_ORDER.indexOf(role));
  const done = plan.operations.slice(0, plan.operations.indexOf(operation));
  const cleared = new Set(done.flatMap((each) => (each.op === 'invalidate' && !each.zerosOnly ? [each.address] : [])));
  const erased = new Set(done.flatMap((each) => (each.op === 'mass-erase' ? each.memories : [])));
  for (const page of layout.pages) {
    const { address, memory } = page;
    const known = states.get(address);
    if (before.includes(page.role))
      states.set(address, { address, blank: false, digest: page.digest, by: known?.by ?? 'read' });
    else if (cleared.has(address) || erased.has(memory.name)) states.set(address, blankPage(memory, address));
  }
  for (const { address } of pages) states.set(address, { address, blank: false, by: 'rot' });
  return [...states.values()];
}

function blankPage(memory: FlashMemory, address: number): PageState {
  return { address, blank: true, digest: blankDigest(memory), by: 'read' };
}
