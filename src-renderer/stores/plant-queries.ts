import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import type { PlantCall } from '#shared/contract/plant/endpoints.ts';
import type { Person } from '#shared/contract/plant/web-messages.ts';
import { type GivenTo, PlantCallFailed } from '../client/plant-client.ts';

/** Under which what the plant answered is kept. */
export function keyOf<K extends PlantCall>(name: K, given?: GivenTo<K>): readonly [K, GivenTo<K> | null] {
  return [name, given ?? null];
}

export const SESSION = keyOf('session.get');
export const ABOUT = keyOf('plant.about');

export function isSignedOut(thrown: unknown): boolean {
  return thrown instanceof PlantCallFailed && thrown.failure.code === 'signed-out';
}

export function isUnreachable(thrown: unknown): boolean {
  return thrown instanceof PlantCallFailed && thrown.failure.code === 'plant-unreachable';
}

/**
 * What the pages know of the plant. Whichever call finds out that the session is over, or that the server is gone, tells
 * all pages: the sign-in page appears, or the heartbeat (`plant.about`) is asked at once.
 */
export function createPlantQueries(): QueryClient {
  const tell = (thrown: unknown): void => {
    if (isSignedOut(thrown)) signIn(queries, null);
    if (isUnreachable(thrown)) void queries.refetchQueries({ queryKey: ABOUT }, { cancelRefetch: false });
  };
  const queries = new QueryClient({
    queryCache: new QueryCache({
      onError: (thrown, { queryKey }) => {
        if (queryKey[0] !== ABOUT[0]) tell(thrown);
      },
    }),
    mutationCache: new MutationCache({ onError: tell }),
    defaultOptions: {
      // A plant's network is not the internet: what the browser thinks of being online says nothing.
      queries: { retry: false, networkMode: 'always', staleTime: 2_000 },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
  return queries;
}

/** Puts a person (or nobody) in front of the pages; nothing that another person was shown stays. */
export function signIn(queries: QueryClient, person: Person | null): void {
  queries.setQueryData<Person | null>(SESSION, person);
  queries.removeQueries({ predicate: ({ queryKey: [name] }) => name !== SESSION[0] && name !== ABOUT[0] });
}
