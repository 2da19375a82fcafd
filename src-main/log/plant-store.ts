import type { PublicKey } from '#shared/base/signer.ts';
import type { NumberLease } from '#shared/contract/plant/station-api.ts';

/** Which plant this station belongs to, and how to know it again. */
export interface Enrolment {
  /** Scheme, host and port. */
  readonly url: string;
  readonly plant: { readonly name: string; readonly publicKey: PublicKey };
  /** By which name the plant knows this station. */
  readonly station: string;
  /** SHA-256 (hex) of its certificate's SubjectPublicKeyInfo; null where a public authority vouches for it, or on loopback. */
  readonly tlsKey: string | null;
  /** UTC, ISO 8601, by this station's clock. */
  readonly enrolledAt: string;
}

/**
 * What the plant's clock says, as this station keeps it: `plantMs` was reached when this computer's clock said `wallMs`.
 * `contact` counts the times that the plant itself told it; of the last one, when that was and by how much this computer's
 * clock was ahead.
 */
export interface PlantTime {
  readonly contact: number;
  readonly contactMs: number;
  readonly skewMs: number;
  readonly plantMs: number;
  readonly wallMs: number;
}

export interface Contact {
  /** The plant's clock, and this station's at the same instant; milliseconds since 1970. */
  readonly plantMs: number;
  readonly wallMs: number;
}

export interface HeldLease extends NumberLease {
  /** The next number to take; `last + 1` when there is none. */
  readonly next: number;
  /** No number is taken from it any more. */
  readonly closed: boolean;
}

/** How a number is taken. */
export interface Taking {
  /** So many numbers at once, the first a multiple of it: it must be a power of two. */
  readonly size: number;
  readonly run: string | null;
  /** UTC, ISO 8601. */
  readonly at: string;
}

/** A number that is this unit's alone: the serial or the MAC (12 hex digits) in text, and the lease that it is of. */
export interface TakenNumber {
  readonly text: string;
  readonly number: number;
  readonly lease: string;
}

/** What this station keeps of its plant. Everything that it resolves is on disk; it rejects with `log-unwritable`. */
export interface PlantStore {
  enrolment(): Promise<Enrolment | null>;
  /** What was kept of another plant, or under another name, is forgotten. */
  enrol(enrolment: Enrolment): Promise<void>;
  /** The signed document as it was received; to be verified by whoever reads it. */
  document(): Promise<string | null>;
  /** Kept when `serial` is greater than the kept one's; false when it is not: an older document never comes back. */
  keepDocument(jws: string, serial: number): Promise<boolean>;
  time(): Promise<PlantTime | null>;
  /** The plant told the time. */
  contacted(contact: Contact): Promise<PlantTime>;
  /** Time has passed since contact number `contact`. It never goes back between two contacts; answers what is kept now. */
  timePassed(contact: number, time: Contact): Promise<PlantTime | null>;
  /** The work order that records carry. */
  order(): Promise<string | null>;
  setOrder(order: string | null): Promise<void>;
  /** The key to ask for a block with: `fresh`, or the one of a question that was never answered. */
  leaseKey(pool: string, fresh: string): Promise<string>;
  /** Ends the question that it answers. A lease that was here before stays as far as it was used. */
  keepLease(lease: NumberLease): Promise<void>;
  /** Those that the plant was not told the end of, in the order in which they are used. */
  leases(): Promise<readonly HeldLease[]>;
  /** One number (or `size` of them, of which it is the first), never given again; null when no block has one that may be taken at `plantMs` (the plant's clock). */
  takeNumber(pool: string, plantMs: number, taking?: Taking): Promise<TakenNumber | null>;
  /** From now on no number is taken from it. Answers what was not taken. */
  closeLease(lease: string): Promise<HeldLease | null>;
  /** The plant knows how it ended. */
  leaseReturned(lease: string): Promise<void>;
}
