import type { LogFindings } from '#shared/contract/station.ts';
import { toFailure, type Failure } from '#shared/model/failure.ts';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { createStore, type StoreApi } from 'zustand/vanilla';
import { CallFailed, ConnectionLost } from '../client/client.ts';

export interface LogSearch {
  /** What the list below was searched for; empty for the newest. */
  readonly text: string;
  readonly by: LogFindings['by'] | null;
  readonly records: readonly UnitRecord[];
  readonly next: number | null;
  /** Sequence of the record whose details are shown. */
  readonly selected: number | null;
  readonly busy: boolean;
  readonly failure: Failure | null;
}

export interface LogSearchModel {
  readonly store: StoreApi<LogSearch>;
  search(text: string): Promise<void>;
  more(): Promise<void>;
  /** The record this many places below (or above) the selected one. */
  move(by: number): void;
  select(sequence: number): void;
}

type Ask = (query: { readonly text: string; readonly before?: number }) => Promise<LogFindings>;

/** The log page's state. Only the last search's answer counts, however late an earlier one comes. */
export function createLogSearch(ask: Ask): LogSearchModel {
  const store = createStore<LogSearch>(() => ({
    text: '',
    by: null,
    records: [],
    next: null,
    selected: null,
    busy: false,
    failure: null,
  }));
  let latest = 0;

  async function answered(query: Parameters<Ask>[0], take: (found: LogFindings) => Partial<LogSearch>): Promise<void> {
    const mine = ++latest;
    store.setState({ busy: true, failure: null });
    try {
      const found = await ask(query);
      if (mine === latest) store.setState({ ...take(found), busy: false });
    } catch (thrown) {
      if (mine !== latest) return;
      // A lost connection is said by the frame; the search is the user's to repeat.
      const failure = thrown instanceof ConnectionLost ? null : failureOf(thrown);
      store.setState({ busy: false, failure });
    }
  }

  return {
    store,
    search: (text) =>
      answered({ text }, ({ by, records, next }) => ({
        text,
        by,
        records,
        next,
        selected: records[0]?.sequence ?? null,
      })),
    async more() {
      const { text, next, records } = store.getState();
      if (next === null) return;
      await answered({ text, before: next }, (found) => ({
        records: [...records, ...found.records],
        next: found.next,
      }));
    },
    move(by) {
      const { records, selected } = store.getState();
      const at = records.findIndex(({ sequence }) => sequence === selected);
      const to = records[Math.max(0, Math.min(records.length - 1, at + by))];
      if (to !== undefined) store.setState({ selected: to.sequence });
    },
    select: (sequence) => store.setState({ selected: sequence }),
  };
}

function failureOf(thrown: unknown): Failure {
  return thrown instanceof CallFailed ? thrown.failure : toFailure(thrown);
}
