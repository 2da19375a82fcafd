import { z } from 'zod';
import { KeyKind, SigningAlgorithm } from '#shared/model/signing.ts';

const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);

/** What the plant asks the process that has the module; one at a time, so that an answer needs no number. */
export const HsmQuestion = z.discriminatedUnion('call', [
  z.object({ call: z.literal('open'), module: z.string(), token: z.string(), pin: z.string() }),
  z.object({ call: z.literal('find'), id: Bytes }),
  z.object({ call: z.literal('generate'), id: Bytes, kind: KeyKind, label: z.string() }),
  z.object({ call: z.literal('sign'), id: Bytes, spki: Bytes, algorithm: SigningAlgorithm, digest: Bytes }),
]);
export type HsmQuestion = z.infer<typeof HsmQuestion>;

const FoundKey = z.object({ kind: KeyKind, spki: Bytes, stays: z.boolean() });

export const HsmAnswer = z.union([
  z.object({ opened: z.literal(true) }),
  z.object({ key: FoundKey }),
  z.object({ signature: Bytes }),
  /** `key`: of this key only; `pin`: not to be tried again; `module`: with the module or its token. */
  z.object({ fault: z.enum(['key', 'pin', 'module']), detail: z.string() }),
]);
export type HsmAnswer = z.infer<typeof HsmAnswer>;
