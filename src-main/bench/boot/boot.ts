import { createPublicKey, type KeyObject } from 'node:crypto';

/** What a unit does when its power comes up: an observation of its cells, by rules that share no code with the planner. */
export type Boot =
  /** Everything that looked at it before was content. `image` is SHA-256 of the application as the boot loader measures it. */
  | { readonly end: 'boots'; readonly image: string; readonly version: string; readonly confirmed: boolean }
  /** It stays where it is, on purpose: its ROM or its boot loader found nothing that it may start. */
  | { readonly end: 'refuses'; readonly by: 'rom' | 'bootloader'; readonly why: string }
  /** Code runs that nobody meant: what no instant of a run may leave behind. */
  | { readonly end: 'runs wild'; readonly why: string };

/** The unit's cells, [address, address + size); bytes that are not there read erased. */
export type ReadCells = (address: number, size: number) => Uint8Array;

export function refuses(by: 'rom' | 'bootloader', why: string): Boot {
  return { end: 'refuses', by, why };
}

/** Of a SubjectPublicKeyInfo, base64. */
export function keyOf(spki: string): KeyObject {
  return createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
}
