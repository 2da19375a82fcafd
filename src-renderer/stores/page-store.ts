import { createStore, type StoreApi } from 'zustand/vanilla';

/** The station's pages; the operator's is home. */
export type Page = 'operator' | 'log' | 'plant';

export interface PageStore {
  readonly page: Page;
}

export function createPageStore(): StoreApi<PageStore> {
  return createStore<PageStore>(() => ({ page: 'operator' }));
}

const KEYS: Readonly<Record<string, Page>> = { F3: 'log', F4: 'plant' };

/** The page that a key leads to; null for other keys. */
export function pageOfKey(key: string): Page | null {
  return KEYS[key] ?? null;
}
