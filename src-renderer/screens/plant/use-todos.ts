import { useAsk, useMay, usePerson } from '../../parts/plant/plant-context.ts';
import { useNow } from '../../parts/plant/use-now.ts';
import { todos, type Todo } from '../../stores/plant-needs.ts';

/** Health does not change by the second; the lists are small. */
const EVERY_MS = 30_000;

/** What waits for this person, of what he may see; `known` once all of it was heard. */
export function useTodos(): { readonly todos: readonly Todo[]; readonly known: boolean } {
  const person = usePerson();
  const now = useNow(EVERY_MS);
  const every = { every: EVERY_MS };
  const stations = useAsk('station.list', undefined, { ...every, enabled: useMay('station.list') });
  const findings = useAsk('finding.list', undefined, { ...every, enabled: useMay('finding.list') });
  const releases = useAsk('release.list', undefined, { ...every, enabled: useMay('release.list') });
  const orders = useAsk('order.list', undefined, { ...every, enabled: useMay('order.list') });
  const pools = useAsk('pool.list', undefined, { ...every, enabled: useMay('pool.list') });
  const known = {
    stations: stations.data ?? [],
    openFindings: findings.data?.length ?? 0,
    releases: releases.data ?? [],
    orders: orders.data ?? [],
    pools: pools.data ?? [],
  };
  return {
    todos: todos(known, person, now),
    known: [stations, findings, releases, orders, pools].every(({ isLoading }) => !isLoading),
  };
}
