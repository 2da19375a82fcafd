import {
  type keepPreviousData,
  useMutation,
  useQuery,
  useQueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from '@tanstack/react-query';
import { createContext, use } from 'react';
import { useStore } from 'zustand';
import type { StoreApi } from 'zustand/vanilla';
import type { PlantCall } from '#shared/contract/plant/endpoints.ts';
import type { Person } from '#shared/contract/plant/web-messages.ts';
import type { Answer, GivenTo, PlantCallFailed, PlantClient } from '../../client/plant-client.ts';
import { mayCall } from '../../stores/plant-pages.ts';
import { isSignedOut, keyOf, SESSION } from '../../stores/plant-queries.ts';
import type { Settings } from '../../stores/settings-store.ts';

export interface PlantScope {
  readonly client: PlantClient;
  readonly settings: StoreApi<Settings>;
}

export const PlantContext = createContext<PlantScope | null>(null);
/** Who is signed in; pages stand inside. */
export const PersonContext = createContext<Person | null>(null);

export function usePlantScope(): PlantScope {
  const scope = use(PlantContext);
  if (scope === null) throw new TypeError('a page of the plant stands outside its PlantContext');
  return scope;
}

export function usePerson(): Person {
  const person = use(PersonContext);
  if (person === null) throw new TypeError('a page of the plant stands outside its PersonContext');
  return person;
}

/** Whether the person has a role for a call; the server decides all the same. */
export function useMay(call: PlantCall): boolean {
  return mayCall(usePerson().roles, call);
}

export function usePlantSettings(): [Settings, (change: Partial<Settings>) => void] {
  const { settings } = usePlantScope();
  return [useStore(settings), (change) => settings.setState(change)];
}

interface AskOptions {
  /** Milliseconds between two looks while the page is visible; once when left out. */
  readonly every?: number;
  readonly enabled?: boolean;
  /** `keepPreviousData`: what was shown stays until the answer to another question is there. */
  readonly keep?: typeof keepPreviousData;
}

export type Asked<K extends PlantCall> = UseQueryResult<Answer<K>, PlantCallFailed>;

/** What the plant answers to a call that changes nothing. */
export function useAsk<K extends PlantCall>(name: K, given?: GivenTo<K>, options: AskOptions = {}): Asked<K> {
  const { client } = usePlantScope();
  return useQuery<Answer<K>, PlantCallFailed>({
    queryKey: keyOf(name, given),
    queryFn: ({ signal }) => client.call(name, given, signal),
    refetchInterval: options.every ?? false,
    enabled: options.enabled ?? true,
    ...(options.keep === undefined ? {} : { placeholderData: options.keep }),
  });
}

/** Who is signed in; null for nobody. */
export function useSession(): UseQueryResult<Person | null, PlantCallFailed> {
  const { client } = usePlantScope();
  return useQuery<Person | null, PlantCallFailed>({
    queryKey: SESSION,
    queryFn: ({ signal }) =>
      client.call('session.get', {}, signal).catch((thrown: unknown) => {
        if (isSignedOut(thrown)) return null;
        throw thrown;
      }),
  });
}

export type Act<K extends PlantCall> = UseMutationResult<Answer<K>, PlantCallFailed, GivenTo<K>>;

/** A call that changes something; `refreshes` names the calls whose answers it makes old. */
export function useAct<K extends PlantCall>(name: K, refreshes: readonly PlantCall[] = []): Act<K> {
  const { client } = usePlantScope();
  const queries = useQueryClient();
  return useMutation<Answer<K>, PlantCallFailed, GivenTo<K>>({
    mutationFn: (given) => client.call(name, given),
    // Also after a failure: the call may have been carried out, or refused because things had changed.
    onSettled: async () => {
      await Promise.all(refreshes.map((call) => queries.invalidateQueries({ queryKey: [call] })));
    },
  });
}
