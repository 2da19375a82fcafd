import type { StoreApi } from 'zustand/vanilla';
import type { Verdict } from '#shared/model/failure.ts';
import type { StationStore } from './station-store.ts';

/** Tells what just became true, for the ear: verdicts as they come, scans taken and refused. Never what was already so. */
export function announce(
  store: StoreApi<StationStore>,
  tell: (what: Verdict | 'accepted' | 'refused') => void,
): () => void {
  return store.subscribe((now, before) => {
    if (now.notice?.kind === 'refused' && now.notice !== before.notice) tell('refused');
    if (now.accepted !== before.accepted) tell('accepted');
    if (before.station === null || before.connection !== 'open') return;
    for (const slot of now.station?.slots ?? []) {
      const old = before.station.slots.find((each) => each.id === slot.id);
      if (slot.phase === 'finished' && slot.verdict !== null && old?.phase !== 'finished') tell(slot.verdict);
    }
  });
}
