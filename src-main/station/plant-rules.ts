import type { OrderInWork, UnitToAdmit } from '#shared/model/plant-work.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';

/** What a plant asks of a station before it works, and tells it. A station of its own has none. */
export interface PlantRules {
  /** Whether work may begin with this release, by what is known here. Throws `lease-ended`, `release-withdrawn`, `state-conflict`. */
  permit(release: string): void;
  /** Asked before a unit is touched. Rejects with `passed-elsewhere`, `route-missing` or `station-revoked`; silence is consent. */
  admit(unit: UnitToAdmit, signal: AbortSignal): Promise<void>;
  /** Whose badge this is. Throws `badge-unknown`, `not-enrolled`. */
  operatorOf(badge: string): string;
  /** Open orders for a product, whatever their release. */
  orders(
    product: string,
  ): readonly { readonly id: string; readonly release: string; readonly quantity: number; readonly passed: number }[];
  order(): OrderInWork | null;
  setOrder(order: string | null, release: { readonly digest: string; readonly product: string } | null): Promise<void>;
  /** A record was written. */
  recorded(record: UnitRecord): void;
}
