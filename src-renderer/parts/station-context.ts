import { createContext, use } from 'react';
import { useStore } from 'zustand';
import type { StoreApi } from 'zustand/vanilla';
import type { Page, PageStore } from '../stores/page-store.ts';
import type { Settings } from '../stores/settings-store.ts';
import type { StationActions, StationModel, StationStore } from '../stores/station-store.ts';

export interface StationScope {
  readonly model: StationModel;
  readonly settings: StoreApi<Settings>;
  readonly page: StoreApi<PageStore>;
}

export const StationContext = createContext<StationScope | null>(null);

function useScope(): StationScope {
  const scope = use(StationContext);
  if (scope === null) throw new TypeError('a part of the operator screen stands outside its StationContext');
  return scope;
}

export function useStation<T>(select: (state: StationStore) => T): T {
  return useStore(useScope().model.store, select);
}

export function useActions(): StationActions {
  return useScope().model.actions;
}

export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  const { settings } = useScope();
  return [useStore(settings), (change) => settings.setState(change)];
}

/** The page that is open, and what opens another. */
export function usePage(): [Page, (page: Page) => void] {
  const { page } = useScope();
  return [useStore(page).page, (next) => page.setState({ page: next })];
}
