import { GENESIS_HASH, type RecordDraft, type UnitRecord } from '#shared/model/unit-record.ts';
import type { JournalEntry, PassedUnit, RunOpening, UnitLog } from '#main/log/log.ts';

/** The log without its file: what is journalled is told, for who cuts the power behind it. */
export class MemoryLog implements UnitLog {
  readonly entries: JournalEntry[] = [];
  readonly made: UnitRecord[] = [];
  onEntry: (entry: JournalEntry) => void = () => undefined;

  begin(_opening: RunOpening): Promise<void> {
    return Promise.resolve();
  }

  journal(_run: string, entries: readonly JournalEntry[]): Promise<void> {
    for (const entry of entries) {
      this.entries.push(entry);
      this.onEntry(entry);
    }
    return Promise.resolve();
  }

  finish(draft: RecordDraft): Promise<UnitRecord> {
    // Of the chain nothing is asked here.
    const record = { ...draft, sequence: this.made.length + 1, previousHash: GENESIS_HASH, hash: GENESIS_HASH };
    this.made.push(record);
    return Promise.resolve(record);
  }

  interruptedAtOpening(): Promise<readonly UnitRecord[]> {
    return Promise.resolve([]);
  }

  unacknowledged(): Promise<readonly UnitRecord[]> {
    return Promise.resolve([]);
  }

  acknowledgeInterrupted(): Promise<void> {
    return Promise.resolve();
  }

  records(): Promise<UnitRecord[]> {
    return Promise.resolve([]);
  }

  lastPass(): Promise<PassedUnit | undefined> {
    return Promise.resolve(undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
