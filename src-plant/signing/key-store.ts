import type { KeyKind, KeyStoreKind, SigningAlgorithm } from '#shared/model/signing.ts';

export interface StoredKey {
  readonly kind: KeyKind;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
}

export interface DigestToSign {
  /** Of the key in its store, hexadecimal. */
  readonly reference: string;
  /** Its public key: whatever else is there under the reference signs nothing. */
  readonly spki: Uint8Array;
  readonly algorithm: SigningAlgorithm;
  readonly digest: Uint8Array;
}

/** `since`: how long it has not been there. A store that nobody asked yet is there. */
export type StoreState =
  | { readonly is: 'there' }
  /** `detail` in words, never with a secret. */
  | { readonly is: 'gone'; readonly detail: string };

/**
 * Where private keys are and stay: there is no call that hands one out. Rejects with `signing-unavailable` when the store cannot be
 * reached now, and with `signing-refused` for a key that it does not have, or not as it should be.
 */
export interface KeyStore {
  readonly kind: KeyStoreKind;
  readonly state: StoreState;
  sign(order: DigestToSign): Promise<Uint8Array>;
  /** A key that is there already. Rejects also for one that could be taken out. */
  find(reference: string): Promise<StoredKey>;
  /** Makes a key under a reference that is free. */
  generate(kind: KeyKind, reference: string, label: string): Promise<StoredKey>;
  close(): Promise<void>;
}
