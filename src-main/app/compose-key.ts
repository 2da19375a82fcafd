import { join } from 'node:path';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { type KeySeal, openKeyStore } from '../log/key-store.ts';

export function keyFileOf(home: string): string {
  return join(home, 'keys', 'station.key');
}

/** This station's own key, for whoever needs it. */
export interface StationKey {
  /** Opened (or made) on first need. Rejects with `key-unavailable`, and tries anew when asked again. */
  signer(): Promise<Signer>;
}

/** `seal`: how to reach the operating system's key store, asked when the key is needed; null where there is none. */
export function stationKey(home: string, random: RandomBytes, seal: () => Promise<KeySeal | null>): StationKey {
  let opened: Promise<Signer> | null = null;
  const open = async () => openKeyStore({ file: keyFileOf(home), seal: await seal(), now: new Date(), random });
  return {
    signer() {
      opened ??= open().catch((thrown: unknown) => {
        opened = null;
        throw thrown;
      });
      return opened;
    },
  };
}

/** The shells that have no key store. */
export const noSeal = (): Promise<null> => Promise.resolve(null);
