import type { NvsSection, SignatureField } from '#shared/model/manufacturing.ts';
import { SIGNING_ALGORITHMS } from '#shared/model/signing.ts';
import { nvsSignatures } from './nvs-signature.ts';

const RAW_BYTES = { ed25519: 64, 'ecdsa-p256': 64, 'ecdsa-p384': 96, 'rsa-2048': 256, 'rsa-3072': 384 } as const;

/** `der`: at most, two INTEGERs of a byte more than the curve's order and their heads; null where there is none. */
export function signatureSizes({ by }: Pick<SignatureField, 'by'>): {
  readonly raw: readonly number[];
  readonly der: number | null;
} {
  const raw = SIGNING_ALGORITHMS[by.algorithm].kinds.map((kind) => RAW_BYTES[kind]);
  return { raw, der: by.algorithm.startsWith('ecdsa') ? (raw[0] ?? 0) + 8 : null };
}

/** In the place of each signature of an NVS partition the longest that it can be. */
export function longestSignatures(section: NvsSection): ReadonlyMap<number, Uint8Array> {
  return new Map(
    nvsSignatures(section).map(({ index, entry }) => {
      const { raw, der } = signatureSizes(entry);
      return [index, new Uint8Array(entry.encoding === 'der' ? (der ?? 0) : Math.max(...raw))];
    }),
  );
}
