import { describe, expect, it } from 'vitest';
import { syncWords } from '#renderer/stores/sync-words.ts';
import type { SyncState } from '#shared/contract/sync.ts';

const NOW = Date.parse('2028-02-29T12:00:00Z');

function state(change: Partial<SyncState> = {}): SyncState {
  return {
    plant: { name: 'Ulm', url: 'https://plant.example' },
    station: 'L1-S3',
    phase: 'idle',
    pending: 0,
    oldestAt: null,
    lastContactAt: '2028-02-29T11:59:50.000Z',
    nextTryAt: null,
    leaseUntil: '2028-03-07T11:59:50.000Z',
    skewMs: 40,
    failure: null,
    numbers: [],
    ...change,
  };
}

describe('what the frame says of the plant', () => {
  it('is quiet without a plant, and when all is sent', () => {
    expect(syncWords(state({ plant: null, phase: 'off' }), NOW)).toMatchObject({ tone: 'rest', title: 'off' });
    expect(syncWords(state(), NOW)).toMatchObject({ tone: 'rest', title: 'sent', detail: 'contact' });
    expect(syncWords(state({ phase: 'sending', pending: 3 }), NOW)).toMatchObject({ tone: 'rest', title: 'sending' });
  });

  it('notes a plant that is away, and how long that may last', () => {
    const away = syncWords(state({ phase: 'waiting', pending: 12 }), NOW);
    expect(away).toMatchObject({ tone: 'note', title: 'unreached', detail: 'waiting_lease' });
    expect(away.params).toMatchObject({ count: 12, until: '2028-03-07T11:59:50.000Z' });
  });

  it('asks for a hand on the lease’s last day, and when it is over whatever else is so', () => {
    const lastDay = state({ phase: 'waiting', leaseUntil: '2028-03-01T11:00:00.000Z' });
    expect(syncWords(lastDay, NOW)).toMatchObject({ tone: 'alarm', title: 'unreached', detail: 'lease' });
    const over = state({ phase: 'idle', leaseUntil: '2028-02-29T11:59:59.999Z' });
    expect(syncWords(over, NOW)).toMatchObject({ tone: 'alarm', title: 'lease_over' });
  });

  it('asks for a hand where the plant refuses', () => {
    expect(syncWords(state({ phase: 'refused', pending: 1 }), NOW)).toMatchObject({ tone: 'alarm', title: 'refused' });
  });

  it('notes a clock that is off, either way', () => {
    for (const skewMs of [600_000, -600_000])
      expect(syncWords(state({ skewMs }), NOW)).toMatchObject({ title: 'clock', params: { minutes: 10 } });
    expect(syncWords(state({ skewMs: 110_000 }), NOW)).toMatchObject({ title: 'sent' });
  });
});
