import type { Operation } from '#shared/model/plan.ts';
import type { Step } from '#shared/model/run-event.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import type { JournalEntry, UnitLog } from '../log/log.ts';

/** As the journal keeps it, beside the plan's operations. */
export interface UnlockOperation {
  readonly op: 'unlock';
  readonly by: 'mass-erase' | 'block-protection';
  readonly found: Readonly<Record<string, string>>;
}

/** What one run leaves in the log while it is under way. Rejects as the log does. */
export class RunJournal {
  readonly #log: Pick<UnitLog, 'journal'>;
  readonly #run: string;
  /** Steps that ended but are not in the journal yet: alone they are worth no wait for the disk. */
  #ended: { readonly kind: 'step'; readonly step: Step; readonly ms: number }[] = [];
  #posted: Promise<void>[] = [];
  #mayHaveChanged = false;

  constructor(log: Pick<UnitLog, 'journal'>, run: string) {
    this.#log = log;
    this.#run = run;
  }

  /** An operation that changes the unit was written: from then on it may hold half a firmware. */
  get mayHaveChanged(): boolean {
    return this.#mayHaveChanged;
  }

  ended(step: Step, ms: number): void {
    this.#ended.push({ kind: 'step', step, ms });
  }

  /** On its way to the disk while the run goes on; whoever writes next waits for it too, and hears what it failed by. */
  post(entry: JournalEntry): void {
    const posted = this.#send(entry);
    posted.catch(() => undefined);
    this.#posted.push(posted);
  }

  /** On the disk when it resolves, with all that ended or was posted before. */
  async write(...entries: readonly JournalEntry[]): Promise<void> {
    await Promise.all([...this.#posted.splice(0), this.#send(...entries)]);
  }

  /** Durable before the unit is changed. */
  async change(
    operation: Operation | UnlockOperation,
    said: Pick<RecordDraft, 'locksReleasedBy'>,
    at: string,
  ): Promise<void> {
    this.#mayHaveChanged = true;
    const told = operation.op === 'lock' ? { ...operation, ...said } : operation;
    await this.write({ kind: 'change', operation: JSON.stringify(told), at });
  }

  #send(...entries: readonly JournalEntry[]): Promise<void> {
    return this.#log.journal(this.#run, [...this.#ended.splice(0), ...entries]);
  }
}
