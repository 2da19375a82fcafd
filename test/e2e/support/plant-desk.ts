import type { SyncDesk } from '#main/app/host.ts';
import type { SyncState } from '#shared/contract/sync.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** A station that has sent all that it has. */
export const ENROLLED: SyncState = {
  plant: { name: 'Ulm', url: 'https://plant.example' },
  station: 'L1-S3',
  phase: 'idle',
  pending: 0,
  oldestAt: null,
  lastContactAt: '2026-03-01T08:00:00.000Z',
  nextTryAt: null,
  leaseUntil: '2099-03-08T08:00:00.000Z',
  skewMs: 12,
  failure: null,
  numbers: [{ pool: 'Boards', left: 412, until: '2099-03-08T08:00:00.000Z' }],
};

/** A plant's desk that says what the test wants the screen to show. */
export class Desk implements SyncDesk {
  readonly asked: string[] = [];
  #state: SyncState = { ...ENROLLED, plant: null, station: null, phase: 'off', leaseUntil: null, numbers: [] };
  readonly #listeners = new Set<(state: SyncState) => void>();

  tell(state: SyncState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
  async state(): Promise<SyncState> {
    return this.#state;
  }
  async now(): Promise<SyncState> {
    this.asked.push('now');
    return this.#state;
  }
  async enrol({ url, code }: { readonly url: string; readonly code: string }): Promise<SyncState> {
    this.asked.push(`${url} ${code}`);
    if (code !== 'FL1-GOOD') throw new FlashlineError('enrolment-refused', { params: { detail: 'used already' } });
    this.tell(ENROLLED);
    return ENROLLED;
  }
  subscribe(listener: (state: SyncState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
