import type { PublicKey, Signer } from '#shared/base/signer.ts';

/** The plant's own key, by which stations and buyers know its statements; never one that signs firmware. */
export interface Keyring {
  readonly signer: Signer;
  /** Newest first: the signer's, and those that the plant had before. */
  readonly publicKeys: readonly PublicKey[];
  /** The payload of a compact JWS with this `typ` by `key` (the plant's own when left out); null when it is not proven. */
  verify(jws: string, typ: string, key?: PublicKey): Promise<unknown>;
}
