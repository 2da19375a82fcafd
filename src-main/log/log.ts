import type { RecordDraft, UnitRecord } from '#shared/model/unit-record.ts';

/** What is known when a run begins, so that a record can be made of it whatever happens next. */
export type RunOpening = Pick<
  RecordDraft,
  | 'run'
  | 'serial'
  | 'product'
  | 'chip'
  | 'release'
  | 'images'
  | 'signingKeys'
  | 'probe'
  | 'slot'
  | 'operator'
  | 'station'
  | 'appVersion'
  | 'rework'
  | 'startedAt'
>;

/** A run's steps as they happen; `change` entries are durable before the unit is changed. */
export type JournalEntry =
  | { readonly kind: 'identified'; readonly uid: string | null; readonly locks: Readonly<Record<string, string>> }
  | { readonly kind: 'step'; readonly step: string; readonly ms: number }
  | { readonly kind: 'change'; readonly operation: string; readonly at: string };

export interface RecordQuery {
  readonly serial?: string;
  readonly uid?: string;
  /** UTC, ISO 8601: finished at or after `from`, before `to`. */
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
}

/** The unit log. Everything it resolves is on disk (WAL, synchronous FULL); it rejects with `log-unwritable`. */
export interface UnitLog {
  /** Opens a run. A run that is open while its process is gone becomes INTERRUPTED at the next opening of the log. */
  begin(opening: RunOpening): Promise<void>;
  journal(run: string, entry: JournalEntry): Promise<void>;
  /** Closes the run: record, chain and outbox row in one transaction. Throws if the run is not open. */
  finish(draft: RecordDraft): Promise<UnitRecord>;
  /** The records made by this opening for runs whose process died. */
  interruptedAtOpening(): readonly UnitRecord[];
  /** Every INTERRUPTED record that no operator has acknowledged yet, whichever process made it; oldest first. */
  unacknowledged(): readonly UnitRecord[];
  /** Takes these records (by sequence) off the list above; the records themselves stay as they are. */
  acknowledgeInterrupted(sequences: readonly number[]): Promise<void>;
  /** Newest first. */
  records(query: RecordQuery): Promise<UnitRecord[]>;
  /** The newest PASS of this unit (by serial of the product, or by hardware id), if any. */
  lastPass(unit: {
    readonly product: string;
    readonly serial: string;
    readonly uid: string | null;
    /** Among the bench's units or among real ones, never both. */
    readonly simulated: boolean;
  }): Promise<UnitRecord | undefined>;
  close(): Promise<void>;
}
