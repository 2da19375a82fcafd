import { z } from 'zod';
import { fromHex } from '#shared/base/bytes.ts';
import { sha256Hex } from '#shared/base/digest.ts';
import type { Hf2Digest } from '#shared/model/interfaces/hf2.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/**
 * Where things are in the unit's RAM, from a base that is a multiple of 256 on, as resources/unit-digests/sha256-v6m/digest.S has it:
 * 0x000 vectors, 0x0C0 the box { status, VTOR as it was, flags, address, bytes, bytes in all, bytes of a page, a word unused, eight of
 * digest }, then scratch, the code where its build says, 0x800 the hashes of pages.
 */
export const BOX = 0xc0;
export const BOX_WORDS = 16;
export const BOX_DIGEST = 0x20;
export const PENDING = 0xffff_ffff;
export const DONE = 0;
export const FLAGS = { begins: 1, ends: 2, pages: 4 } as const;
export const HASHES = 0x800;
/** The window in RAM ends behind them. */
export const MOST_PAGES = 1024;
/** Between a digest's beginning and its end whole blocks are hashed. */
export const BLOCK = 64;

/** ARMv6-M has that many at most (ARM DDI 0419, B1.5.2): 16 of the core's own, 32 interrupts. */
export const VECTORS = 48;
export const RESET_VECTOR = 1;
export const SYSTICK_VECTOR = 15;
/** The core's own registers (ARM DDI 0419, B3.2.5 and B3.3). */
export const VTOR = 0xe000_ed08;
export const SYST_CSR = 0xe000_e010;
/** It counts, and its end is an exception. */
export const SYST_TICKS = 3;

const Offset = z.number().int().min(0).max(0xffff).multipleOf(4);

/** A build of resources/unit-digests (scripts/build-firmware.js): code that runs at any base. */
const CodeFile = z.strictObject({
  schema: z.literal(1),
  name: z.string(),
  /** Offsets from the base. */
  load: Offset,
  handler: Offset,
  code: z.string().regex(/^(?:[0-9a-f]{8})+$/u),
  sha256: z.string(),
  compiler: z.string(),
});

export interface DigestCode {
  readonly load: number;
  readonly handler: number;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

const BUILDS: Readonly<Record<Hf2Digest['code'], () => Promise<{ readonly default: unknown }>>> = {
  'sha256-v6m': () => import('../../../resources/unit-digests/sha256-v6m/sha256-v6m.json', { with: { type: 'json' } }),
};

export async function loadDigestCode(name: Hf2Digest['code']): Promise<DigestCode> {
  return readDigestCode((await BUILDS[name]()).default, name);
}

/** Checks a parsed build; throws `file-unreadable` where it is none, or its code is not what was built. */
export function readDigestCode(json: unknown, name: string): DigestCode {
  const file = `unit-digests/${name}/${name}.json`;
  const parsed = CodeFile.safeParse(json);
  if (!parsed.success) throw new FlashlineError('file-unreadable', { params: { file }, cause: parsed.error });
  const { load, handler, code, sha256 } = parsed.data;
  const bytes = fromHex(code);
  if (sha256Hex(bytes) === sha256) return { load, handler, bytes, sha256 };
  throw new FlashlineError('file-unreadable', { params: { file }, cause: 'the code is not what its SHA-256 says' });
}
