import { useInfiniteQuery, type InfiniteData, type UseInfiniteQueryResult } from '@tanstack/react-query';
import type { Answer, GivenTo, PlantCallFailed } from '../../client/plant-client.ts';
import { keyOf } from '../../stores/plant-queries.ts';
import { usePlantScope } from './plant-context.ts';

/** Calls whose answers come a page at a time. */
export type PagedCall = 'unit.find' | 'recall.search' | 'audit.list' | 'key.signatures' | 'pool.report';
export type AskedPages<K extends PagedCall> = UseInfiniteQueryResult<
  InfiniteData<Answer<K>, string | null>,
  PlantCallFailed
>;

export function useAskPages<K extends PagedCall>(name: K, given: GivenTo<K>): AskedPages<K> {
  const { client } = usePlantScope();
  return useInfiniteQuery<
    Answer<K>,
    PlantCallFailed,
    InfiniteData<Answer<K>, string | null>,
    readonly unknown[],
    string | null
  >({
    queryKey: keyOf(name, given),
    queryFn: ({ pageParam, signal }) => client.call(name, pageOf(given, pageParam), signal),
    initialPageParam: null,
    getNextPageParam: (page) => ('next' in page && typeof page.next === 'string' ? page.next : null),
  });
}

/** The call for the page that begins at `before`; null for the first. */
export function pageOf<K extends PagedCall>(given: GivenTo<K>, before: string | null): GivenTo<K> {
  // Of every paged call the query has `before`.
  return before === null ? given : ({ ...given, query: { ...given.query, before } } as GivenTo<K>);
}
