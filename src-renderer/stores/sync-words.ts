import type { SyncState } from '#shared/contract/sync.ts';

/** How the plant's part of the frame looks: at rest, worth knowing, or in need of a hand. */
export type SyncTone = 'rest' | 'note' | 'alarm';

export interface SyncWords {
  readonly tone: SyncTone;
  /** Keys under `sync` of the locale. */
  readonly title: 'off' | 'sent' | 'sending' | 'unreached' | 'refused' | 'lease_over' | 'clock';
  readonly detail: 'off_detail' | 'contact' | 'waiting' | 'waiting_lease' | 'nothing_waits' | 'lease' | 'ask' | 'skew';
  readonly params: Readonly<Record<string, string | number>>;
}

/** With less of its lease left a station asks for help, in milliseconds: time enough to fetch somebody in the same shift. */
const LEASE_ALARM_MS = 24 * 3_600_000;

/** From here on a clock that is off is worth a word: times in records would mislead. In milliseconds. */
export const SKEW_NOTE_MS = 120_000;

/** What the frame says of the plant. `now` in milliseconds since 1970, by this computer. */
export function syncWords(sync: SyncState, now: number): SyncWords {
  const params = {
    count: sync.pending,
    until: sync.leaseUntil ?? '',
    contact: sync.lastContactAt ?? '',
    plant: sync.plant?.name ?? '',
  };
  if (sync.plant === null) return { tone: 'rest', title: 'off', detail: 'off_detail', params };
  const leaseMs = sync.leaseUntil === null ? Number.POSITIVE_INFINITY : Date.parse(sync.leaseUntil) - now;
  if (leaseMs <= 0) return { tone: 'alarm', title: 'lease_over', detail: 'ask', params };
  if (sync.phase === 'refused') return { tone: 'alarm', title: 'refused', detail: 'ask', params };
  const tone = leaseMs < LEASE_ALARM_MS ? 'alarm' : 'note';
  if (sync.phase === 'waiting') {
    if (sync.leaseUntil === null) return { tone, title: 'unreached', detail: 'waiting', params };
    return { tone, title: 'unreached', detail: sync.pending > 0 ? 'waiting_lease' : 'lease', params };
  }
  if (sync.skewMs !== null && Math.abs(sync.skewMs) > SKEW_NOTE_MS) {
    const minutes = Math.round(Math.abs(sync.skewMs) / 60_000);
    return { tone: 'note', title: 'clock', detail: 'skew', params: { ...params, minutes } };
  }
  if (sync.pending > 0) return { tone: 'rest', title: 'sending', detail: 'waiting', params };
  return { tone: 'rest', title: 'sent', detail: sync.lastContactAt === null ? 'nothing_waits' : 'contact', params };
}
