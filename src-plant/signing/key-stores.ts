import { FlashlineError } from '#shared/model/failure.ts';
import type { KeyStoreKind } from '#shared/model/signing.ts';
import type { KeyStore } from './key-store.ts';

/** Those that this server has; none, one, or both. */
export type KeyStores = Readonly<Partial<Record<KeyStoreKind, KeyStore>>>;

/** Throws `signing-unavailable`. */
export function storeOf(stores: KeyStores, kind: KeyStoreKind, key: string): KeyStore {
  const store = stores[kind];
  if (store) return store;
  const option = kind === 'hsm' ? '--hsm' : '--development-keys';
  const detail = `the key ${key} is in the ${kind === 'hsm' ? 'HSM' : 'development keys'}, and this server runs without ${option}`;
  throw new FlashlineError('signing-unavailable', { params: { detail } });
}
