import type { OrderInWork, PlantAnswer, UnitToAdmit } from '#shared/model/plant-work.ts';
import type { UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import type { IssueAnswer, IssueRequest, SignAnswer, SignRequest } from '#shared/contract/plant/signing-api.ts';
import type { UnitDataNote, UnitRecord } from '#shared/model/unit-record.ts';

/** A unit whose manufacturing partition the plant makes. */
export type UnitForPlant = Omit<UnitDataRequest, 'request'>;

/** What it made, and what the record says of it. */
export interface UnitData {
  readonly data: Uint8Array;
  readonly note: UnitDataNote;
}

/** The first of `size` addresses, a multiple of it. */
export interface MacTaking {
  readonly size: number;
  readonly run: string;
  /** UTC, ISO 8601. */
  readonly at: string;
}

/** What a plant asks of a station before it works, and tells it. A station of its own has none. */
export interface PlantRules {
  /** Whether work may begin with this release, by what is known here. Throws `lease-ended`, `release-withdrawn`, `state-conflict`. */
  permit(release: string): void;
  /**
   * Asked before a unit is touched. Rejects with `passed-elsewhere`, `mac-elsewhere`, `route-missing` or `station-revoked`; silence is
   * consent, and answered as such.
   */
  admit(unit: UnitToAdmit, signal: AbortSignal): Promise<PlantAnswer>;
  /** A MAC of the pool that is this unit's alone (lower case, colons). Rejects with `numbers-used-up`. */
  takeMac?(pool: string, taking: MacTaking): Promise<string>;
  /** A serial of the pool that is one unit's alone. Rejects with `numbers-used-up`. */
  takeSerial?(pool: string): Promise<string>;
  /**
   * Has a command of the plant make what one unit is given, asking again by the same request where that may help, and proves that the
   * plant did. Rejects with `plant-command-refused`, `plant-command-failed`, `plant-command-wrong`, `plant-data-missing`,
   * `too-many-requests`, or what keeps it from asking; left out where there is no plant to ask.
   */
  unitData?(unit: UnitForPlant, signal: AbortSignal): Promise<UnitData>;
  /**
   * Has the plant sign a digest for one unit, asking again where that may help. Rejects with `signing-refused`,
   * `signing-unavailable`, `too-many-requests`, or what keeps it from asking; left out where there is no plant to ask.
   */
  sign?(order: Omit<SignRequest, 'request'>, signal: AbortSignal): Promise<SignAnswer>;
  /** Has the plant issue a certificate for a unit's public key; rejects as `sign` does. */
  issue?(order: Omit<IssueRequest, 'request'>, signal: AbortSignal): Promise<IssueAnswer>;
  /** Whose badge this is. Throws `badge-unknown`, `not-enrolled`. */
  operatorOf(badge: string): string;
  /** The same person, with the roles that the plant gave. Throws alike. */
  holderOf(badge: string): { readonly name: string; readonly roles: readonly string[] };
  /** Throws `lock-release-no-plant` where nobody with one of these roles has a badge that is known here. */
  requireBadge(roles: readonly string[]): void;
  /** Open orders for a product, whatever their release. */
  orders(
    product: string,
  ): readonly { readonly id: string; readonly release: string; readonly quantity: number; readonly passed: number }[];
  order(): OrderInWork | null;
  setOrder(order: string | null, release: { readonly digest: string; readonly product: string } | null): Promise<void>;
  /** A record was written. */
  recorded(record: UnitRecord): void;
}
