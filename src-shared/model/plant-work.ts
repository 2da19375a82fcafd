/** A unit that stands before a station, as the plant is asked about it. */
export interface UnitToAdmit {
  readonly product: string;
  readonly serial: string;
  readonly uid: string | null;
  /** The recipe's; null where it names no step. */
  readonly route: { readonly step: string; readonly after?: string | undefined } | null;
  readonly rework: boolean;
  /** Addresses that it is about to be given, where they are not the plant's own. */
  readonly macs?: readonly string[] | undefined;
}

/** Whether the plant was heard; nothing where there is none. */
export type PlantAnswer = 'answered' | 'silent' | undefined;

/** The order that a station works for, as it stands there: what the plant counted, and what was made since. */
export interface OrderInWork {
  readonly id: string;
  readonly product: string;
  readonly release: string;
  readonly quantity: number;
  readonly passed: number;
  /** The plant closed it, or withdrew its release. */
  readonly closed: boolean;
}
