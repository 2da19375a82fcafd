import { join } from 'node:path';
import type { RandomBytes } from '#shared/base/clock.ts';
import type { Signer } from '#shared/base/signer.ts';
import { z } from 'zod';
import { type KeySeal, openKeyStore } from '../log/key-store.ts';
import { type KeyKind, type KeyPair, openSealedFile } from '../log/sealed-file.ts';
import { makeIdentity, recipientOf } from '../release/flashpack/sealing.ts';

export function keyFileOf(home: string): string {
  return join(home, 'keys', 'station.key');
}

export function identityFileOf(home: string): string {
  return join(home, 'keys', 'station.age');
}

/** An age identity (X25519), kept as the station's other key is. */
const STATION_IDENTITY: KeyKind<string> = {
  publicKey: z.string().regex(/^age1[a-z0-9]{58}$/),
  secret: z.string().regex(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/),
  note: 'NOT SEALED: whoever can read this file can read packs that were encrypted for this station',
  async make() {
    const { identity, recipient } = await makeIdentity();
    return { publicKey: recipient, secret: identity };
  },
  fits: async ({ secret, publicKey }) => (await recipientOf(secret)) === publicKey,
};

/** This station's own key, for whoever needs it. */
export interface StationKey {
  /** Opened (or made) on first need. Rejects with `key-unavailable`, and tries anew when asked again. */
  signer(): Promise<Signer>;
  /** For packs that are encrypted for this station alone: its age identity, made on first need. Rejects as `signer` does. */
  identity(): Promise<KeyPair<string>>;
}

/** `seal`: how to reach the operating system's key store, asked when the key is needed; null where there is none. */
export function stationKey(home: string, random: RandomBytes, seal: () => Promise<KeySeal | null>): StationKey {
  let opened: Promise<Signer> | null = null;
  const identity = async () =>
    openSealedFile({ file: identityFileOf(home), seal: await seal(), now: new Date(), random }, STATION_IDENTITY);
  const open = async () => openKeyStore({ file: keyFileOf(home), seal: await seal(), now: new Date(), random });
  return {
    signer() {
      opened ??= open().catch((thrown: unknown) => {
        opened = null;
        throw thrown;
      });
      return opened;
    },
    identity,
  };
}

/** The shells that have no key store. */
export const noSeal = (): Promise<null> => Promise.resolve(null);
