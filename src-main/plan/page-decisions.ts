import type { PageDecision, PageReason } from '#shared/model/plan.ts';
import type { Layout, WantedPage } from './layout.ts';
import type { PageState } from './page-state.ts';

/** What happens to each page that the release touches, and why: neighbours of one mind as one range. */
export function pageDecisions(
  { pages, flags, block }: Layout,
  kept: ReadonlySet<WantedPage>,
  states: ReadonlyMap<number, PageState>,
): PageDecision[] {
  const markerAt = block && 'block' in block ? block.block.markerAt : -1;
  const decisions: PageDecision[] = [];
  for (const page of pages) {
    const action = kept.has(page) ? 'keep' : 'write';
    const { memory, address } = page;
    const holds = (at: number, size: number) => address < at + size && at < address + memory.page;
    const isFlag = () => flags.some((flag) => flag.address !== markerAt && holds(flag.address, flag.bytes.length));
    const reason = reasonOf(page, states.get(address), action, () => (isFlag() ? 'flag' : 'marker'));
    const last = decisions.at(-1);
    if (
      last?.action === action &&
      last.reason === reason &&
      last.memory === memory.name &&
      last.address + last.size === address
    )
      decisions[decisions.length - 1] = { ...last, size: last.size + memory.page };
    else decisions.push({ memory: memory.name, address, size: memory.page, action, reason });
  }
  return decisions;
}

function reasonOf(
  page: WantedPage,
  state: PageState | undefined,
  action: PageDecision['action'],
  holder: () => PageReason,
): PageReason {
  if (!state) return 'unseen';
  const isAsWanted = state.digest === page.digest;
  if (action === 'write' && isAsWanted) return holder();
  return state.by ?? 'read';
}
