import type { FailureCode, Verdict } from '#shared/model/failure.ts';
import type { Facet } from '#shared/model/facets.ts';
import type {
  ImageRecord,
  KeptDigest,
  RecordDraft,
  UnitDataNote,
  UnitRecord,
  UnitSignature,
} from '#shared/model/unit-record.ts';
import type { YieldCounts } from '#shared/model/yield.ts';
import type { BatchItem, ChainHead } from '#shared/contract/plant/station-api.ts';

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
  | 'signedBy'
  | 'unsignedAllowed'
  | 'probe'
  | 'slot'
  | 'operator'
  | 'station'
  | 'appVersion'
  | 'rework'
  | 'startedAt'
  | 'process'
  | 'order'
  | 'batch'
>;

/** A run's steps as they happen; `change` entries are durable before the unit is changed. */
export type JournalEntry =
  | { readonly kind: 'identified'; readonly uid: string | null; readonly locks: Readonly<Record<string, string>> }
  | { readonly kind: 'kept'; readonly kept: readonly KeptDigest[] }
  /** The plant signed for this unit: from here on its images are these. */
  | {
      readonly kind: 'signed';
      readonly images: readonly ImageRecord[];
      readonly signatures: readonly UnitSignature[];
      readonly unitData?: UnitDataNote | undefined;
    }
  | { readonly kind: 'step'; readonly step: string; readonly ms: number }
  | { readonly kind: 'change'; readonly operation: string; readonly at: string };

/** What is left out does not count; what is given must all hold. */
export interface RecordQuery {
  readonly serial?: string;
  readonly uid?: string;
  readonly product?: string;
  readonly verdict?: Verdict;
  /** `mac`, `batch`, `order`, `image` (SHA-256), `key`, `release`: as in model/facets.ts. */
  readonly facet?: { readonly kind: Facet; readonly value: string };
  /** UTC, ISO 8601: finished at or after `from`, before `to`. */
  readonly from?: string;
  readonly to?: string;
  /** Records before this place in the chain: the next page. */
  readonly before?: number;
  readonly limit?: number;
}

/** What is written out; what is left out does not count. UTC, ISO 8601: finished at or after `from`, before `to`. */
export interface ExportQuery {
  readonly from?: string;
  readonly to?: string;
  readonly product?: string;
  readonly serial?: string;
}

/** Records are written out in the order of finishing, then of the chain. */
export interface ExportPlace {
  readonly finishedAt: string;
  readonly sequence: number;
}

/** A record as it is kept: canonical JSON, with members that this version may not know. */
export interface ExportedRecord extends ExportPlace {
  readonly body: string;
}

/** A shift, or any other span of time: UTC, ISO 8601, `from` included, `to` not. */
export interface YieldQuery {
  readonly from: string;
  readonly to: string;
  readonly product?: string;
  /** The bench's units, or real ones; never both. */
  readonly simulated: boolean;
}

/** Units by their first attempt ever at this station, counted where that fell into the span; and how all runs in it ended. */
export interface StationYield extends YieldCounts {
  readonly runs: readonly { readonly verdict: Verdict; readonly code: FailureCode | null; readonly count: number }[];
}

/** What is known of a PASS for ever, also when its record is in an archive. */
export type PassedUnit = Pick<UnitRecord, 'run' | 'serial' | 'uid' | 'finishedAt'>;

export interface AskedUnit {
  readonly product: string;
  readonly serial: string;
  readonly uid: string | null;
  /** Among the bench's units or among real ones, never both. */
  readonly simulated: boolean;
  /** Of this process step; DEFAULT_PROCESS when left out. */
  readonly process?: string | undefined;
}

/**
 * The unit log. Everything it resolves is on disk (WAL, synchronous FULL), but for a journal entry that changes nothing; it rejects
 * with `log-unwritable`.
 */
export interface UnitLog {
  /** Opens a run. A run that is open while its process is gone becomes INTERRUPTED at the next opening of the log. */
  begin(opening: RunOpening): Promise<void>;
  /** All of them with one wait for the disk; with none, until the next entry, where they only tell steps or whose unit it is. */
  journal(run: string, entries: readonly JournalEntry[]): Promise<void>;
  /** Closes the run: record, chain and outbox row in one transaction. Throws if the run is not open. */
  finish(draft: RecordDraft): Promise<UnitRecord>;
  /** The records made by this opening for runs whose process died. */
  interruptedAtOpening(): Promise<readonly UnitRecord[]>;
  /** Every INTERRUPTED record that no operator has acknowledged yet, whichever process made it; oldest first. */
  unacknowledged(): Promise<readonly UnitRecord[]>;
  /** Takes these records (by sequence) off the list above; the records themselves stay as they are. */
  acknowledgeInterrupted(sequences: readonly number[]): Promise<void>;
  /** Newest first. */
  records(query: RecordQuery): Promise<UnitRecord[]>;
  /** The newest PASS of this unit (by serial of the product, or by hardware id), if any. */
  lastPass(unit: AskedUnit): Promise<PassedUnit | undefined>;
  close(): Promise<void>;
}

/** A number, or a row of a list, that is taken: `number` to `number + size - 1` of its source. */
export interface TakenFrom {
  /** `counter:NAME`, `list:NAME`, `pool:NAME`; with `bench:` before it for the bench's units. */
  readonly source: string;
  readonly number: number;
  readonly size: number;
  /** The serial, or the MAC with colons. */
  readonly text: string;
  /** Of MACs: the run that takes it. */
  readonly run: string | null;
  /** UTC, ISO 8601. */
  readonly at: string;
  /** Where the counter ends; null of a list. */
  readonly last: number | null;
}

/** A row of an imported list. */
export interface ListRow {
  /** From 1, through all imports. */
  readonly place: number;
  readonly serial: string;
  readonly fields: Readonly<Record<string, string>>;
  /** Name of the file, and the line in it. */
  readonly file: string;
  readonly line: number;
}

/** What became of a number: a unit passed with it; its unit is under work; none ever will have it, and by which run. */
export interface NumberState {
  readonly state: 'used' | 'open' | 'void';
  readonly run: string | null;
  readonly verdict: string | null;
}

export type NumberRow = Omit<TakenFrom, 'last'> & NumberState;

/** Numbers that were never taken, first to last. */
export interface NumbersLeft {
  readonly source: string;
  readonly first: number;
  readonly last: number;
}

/** Numbers that this station gives to units. What it resolves is on disk: a number is given once, whatever happens then. */
export interface NumberBook {
  /** The first that was never taken; null before the first was. */
  next(source: string): Promise<number | null>;
  /**
   * `moved`: another process took it. `known`: some unit has it already (the log had gone back to a backup), it was passed over.
   */
  take(taken: TakenFrom): Promise<'taken' | 'moved' | 'known'>;
  isTaken(text: string): Promise<boolean>;
  /** The row at this place or the next after it. */
  nextRow(list: string, from: number): Promise<ListRow | null>;
  row(list: string, serial: string): Promise<ListRow | null>;
  rowsFrom(list: string, from: number): Promise<number>;
  /** All or none; answers a row whose serial is listed, or some unit's, already. */
  importRows(list: string, file: string, rows: readonly Omit<ListRow, 'place' | 'file'>[]): Promise<ListRow | null>;
  /** In the order of source and number. */
  taken(after: { readonly source: string; readonly number: number }, limit: number): Promise<NumberRow[]>;
  left(): Promise<NumbersLeft[]>;
}

/** What people ask of the log, beside single records. */
export interface LogReports {
  /** The yield of a shift, in the words of model/yield.ts. A unit is a serial of a product at one of its process steps. */
  shiftYield(query: YieldQuery): Promise<StationYield>;
  /** The next records to write out, after `after` (null: from the start), `limit` at most. Empty when nothing follows. */
  exportPage(query: ExportQuery, after: ExportPlace | null, limit: number): Promise<readonly ExportedRecord[]>;
}

/** What a damaged file lost, and how it comes back; what `sync` needs of it. */
export interface LogGaps {
  state(): Promise<{ readonly gaps: readonly { readonly first: number; readonly last: number }[] }>;
  /** Items in chain order, as `station.own-records` gives them; `refused` says why the first that was not taken was not. */
  repairFrom(items: readonly BatchItem[]): Promise<{ readonly restored: number; readonly refused: string | null }>;
  /**
   * The log went back (an old backup), and the plant has more: what follows `end`, up to and with `last`, becomes a gap, so that no
   * place of it is ever used again. False, and nothing is changed, where the log does not end there any more.
   */
  loseEnd(end: ChainPlace, last: ChainPlace): Promise<boolean>;
  /**
   * Records were made on a log that had gone back: those after `fork` go on under a name of their own, which is answered. What
   * stands before is told as a gap there; the plant has it under the old name. Rejects where no record follows, or no two precede.
   */
  branchAt(fork: ChainPlace): Promise<string>;
}

export interface ChainPlace {
  readonly sequence: number;
  readonly hash: string;
}

/** Records on their way to the plant; what `sync` needs of the log. */
export interface Outbox {
  /** Real units' records that the plant has not acknowledged. */
  pending(): Promise<{ readonly records: number; readonly oldestAt: string | null }>;
  /** The log's chain, null before its first record. */
  head(): Promise<ChainHead | null>;
  /**
   * What follows `after` in the chain, in order, no place left out, up to `records` items or `bytes` of JSON (at least one item):
   * records of real units, links of simulated ones, gaps where a damaged file lost records. The first may be a gap that begins
   * at or before `after`. Empty when nothing follows.
   */
  items(after: number, limits: { readonly records: number; readonly bytes: number }): Promise<readonly BatchItem[]>;
  /** The plant has everything up to here. */
  acknowledge(through: number): Promise<void>;
}
