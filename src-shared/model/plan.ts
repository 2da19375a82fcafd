import { z } from 'zod';
import { Role } from './recipe.ts';

/**
 * A plan is plain data: the ordered operations that one unit needs, made before anything is touched.
 * It names ranges, never bytes; the release holds those. Addresses and sizes in bytes.
 */
const range = { memory: z.string(), address: z.number().int(), size: z.number().int() };

/**
 * The steps of no return that we know, in the order in which they are carried out; which a unit has, it says itself. An ATECC makes
 * keys behind its configuration's lock and before its data zone's; of a chip that shows nothing any more no other lock can be read
 * back; eFuses of digests come first, and behind everything what keeps a loader from looking at the others.
 */
export const LockStepName = z.enum([
  'atecc-config',
  'atecc-key',
  'atecc-data',
  'atecc-slot',
  'quad-enable',
  'block-protection',
  'write-protection',
  'readout-protection',
  'esp-key-digest',
  'esp-custom-mac',
  'esp-revoke-digest',
  'esp-disable-jtag',
  'esp-write-protect',
  'esp-read-protect',
  'esp-secure-boot',
  'esp-secure-download',
  'esp-disable-download',
]);
export type LockStepName = z.infer<typeof LockStepName>;

export const Operation = z.discriminatedUnion('op', [
  /** Clear the valid flag: erase the pages that hold it, and read them back blank. */
  z.object({
    op: z.literal('invalidate'),
    role: Role,
    ...range,
    /** The flag's words in these pages: where the memory allows it a bit of them falls before the erase, a lone word's all. */
    flag: z.object({ address: z.number().int(), size: z.number().int() }),
    /** What was overwritten is read back and left: an erase of everything follows. */
    zerosOnly: z.literal(true).optional(),
  }),
  /** One command erases `memories` whole; the range is that of the memory that the chip boots from. */
  z.object({ op: z.literal('mass-erase'), ...range, memories: z.array(z.string()) }),
  z.object({ op: z.literal('erase'), ...range }),
  /** Program everything in the range that the images define, but for the valid flags. */
  z.object({ op: z.literal('program'), role: Role, ...range }),
  /** Read back [address, size) and compare its SHA-256; `withoutFlag` ranges expect the flag still erased. */
  z.object({ op: z.literal('verify'), role: Role, ...range, sha256: z.string() }),
  /** Set the valid flag: program the word pair that `invalidate` cleared. Only after every verify. */
  z.object({ op: z.literal('validate'), role: Role, ...range }),
  /** Read the flag back. */
  z.object({ op: z.literal('verify-flag'), role: Role, ...range, sha256: z.string() }),
  /** What is to be kept is read again and held against what it was before anything was changed. */
  z.object({ op: z.literal('verify-kept'), name: z.string(), ...range }),
  /** A step of no return: after everything above, and not repeated where the unit says that it is done. */
  z.object({
    op: z.literal('lock'),
    step: LockStepName,
    /** Where the step is one of a slot. */
    slot: z.number().int().optional(),
    /** What is protected, as whole pages; of read-out protection, bytes that nobody must be able to read afterwards. */
    ranges: z.array(z.object({ address: z.number().int(), size: z.number().int() })).optional(),
    /** Of eFuses: what is burnt in hexadecimal, which use of a key, a field or block, digests that this plan burns before. */
    data: z.string().optional(),
    use: z.number().int().optional(),
    field: z.string().optional(),
    digests: z.array(z.string()).optional(),
    /** As people and records have it. */
    name: z.string(),
    /** What the unit must say of it in the end. */
    expected: z.string(),
  }),
]);
export type Operation = z.infer<typeof Operation>;
export type LockOperation = Extract<Operation, { op: 'lock' }>;
/** What is done to bytes of a memory. */
export type MemoryOperation = Exclude<Operation, LockOperation>;

export const PlannedImage = z.object({
  role: Role,
  version: z.string(),
  /** Lowest address and the sum of the segments' sizes. */
  address: z.number().int(),
  size: z.number().int(),
  /** Over the segments' bytes in address order. */
  sha256: z.string(),
  segments: z.array(z.object({ ...range, sha256: z.string() })),
});
export type PlannedImage = z.infer<typeof PlannedImage>;

/** Why pages are kept, or written. */
export const PageReason = z.enum([
  /** Kept: the checksum blocks agree, the unit's own checksum does, or they were read. */
  'block',
  'digest',
  'read',
  /** Written: a sample was enough to see that it differs. */
  'sample',
  /** In no region of the checksum block: always written. */
  'uncovered',
  /** Nobody looked: that would have cost more than it could save. */
  'unseen',
  /** It holds the valid flag, or an end marker, which are cleared first and set last. */
  'flag',
  'marker',
  /** It was taken for unchanged, and read back as something else. */
  'rot',
]);
export type PageReason = z.infer<typeof PageReason>;

/** What happens to neighbouring pages of one memory. */
export const PageDecision = z.object({ ...range, action: z.enum(['keep', 'write']), reason: PageReason });
export type PageDecision = z.infer<typeof PageDecision>;

/** Where pages were found rotten. */
export const PageRot = z.object(range);
export type PageRot = z.infer<typeof PageRot>;

/** Bytes of whole pages by what happens to them, and why. */
export const ReasonTotal = z.object({ action: z.enum(['keep', 'write']), reason: PageReason, bytes: z.number().int() });
export type ReasonTotal = z.infer<typeof ReasonTotal>;

export function reasonTotals(decisions: readonly PageDecision[]): ReasonTotal[] {
  const totals = new Map<string, ReasonTotal>();
  for (const { action, reason, size } of decisions) {
    const key = `${action} ${reason}`;
    totals.set(key, { action, reason, bytes: (totals.get(key)?.bytes ?? 0) + size });
  }
  return [...totals.values()];
}

export const Plan = z.object({
  chip: z.string(),
  images: z.array(PlannedImage),
  operations: z.array(Operation),
  /** Every page that the release touches, by address. */
  decisions: z.array(PageDecision),
  bytesToWrite: z.number().int(),
  bytesSkipped: z.number().int(),
  pagesToErase: z.number().int(),
  /** From the data sheet's erase and program times: the limit that the flash alone sets. */
  flashMs: z.number(),
});
export type Plan = z.infer<typeof Plan>;
