import type { SlotState, StationState } from '#shared/contract/station.ts';
import type { StationStore } from './station-store.ts';

/** Severity decides icon and colour: `rest` is grey, `act` asks for a hand, `alarm` for attention. */
export interface NextAction {
  readonly key: string;
  readonly params: Readonly<Record<string, string>>;
  readonly tone: 'rest' | 'act' | 'alarm';
}

/** The one sentence that says what to do now. */
export function nextAction({ connection, station }: Pick<StationStore, 'connection' | 'station'>): NextAction {
  if (connection === 'locked-out') return say('locked_out', 'alarm');
  if (connection === 'lost') return say('lost', 'alarm');
  if (connection === 'connecting' || station === null) return say('connecting', 'rest');
  if (station.interrupted.length > 0) return say('interrupted', 'alarm');
  if (station.release === null) return say('no_release', 'alarm');
  return ofSlots(station);
}

/** Where the station puts the next scan: an empty slot whose probe is there, else the one that finished first, else nowhere. */
export function nextSlot(slots: readonly SlotState[]): SlotState | undefined {
  if (slots.length === 1) return slots[0];
  const usable = slots.filter((slot) => !lacksProbe(slot));
  const places = usable.length > 0 ? usable : slots;
  const finished = places.filter((slot) => slot.phase === 'finished');
  finished.sort((a, b) => (a.finishedAt ?? '').localeCompare(b.finishedAt ?? ''));
  return places.find((slot) => slot.phase === 'empty') ?? finished[0];
}

/** Its probe is pulled out, forbidden, or in another program's hands. */
export function lacksProbe({ attached }: SlotState): boolean {
  return attached === 'no' || attached === 'denied' || attached === 'busy';
}

function ofSlots(station: StationState): NextAction {
  const waiting = station.slots.filter((slot) => slot.waitsFor !== null);
  // One badge releases all of them: they are named before it is scanned.
  const slots = waiting.map((slot) => slot.name).join(', ');
  if (waiting.length > 0) return say(waiting.length > 1 ? 'badge_many' : 'badge_one', 'act', { slots });
  const ready = station.slots.filter((slot) => slot.phase === 'ready');
  const [first] = ready;
  if (first !== undefined && ready.length > 1)
    return say('start_many', 'act', { slots: ready.map((slot) => slot.name).join(', ') });
  if (first !== undefined) return say('start_one', 'act', { slot: first.name, serial: first.serial ?? '' });
  const finished = latestFinished(station.slots);
  if (finished !== undefined) return say(removalOf(finished), 'act', { slot: finished.name });
  if (station.slots.every(lacksProbe)) return say('no_probe', 'alarm');
  const next = nextSlot(station.slots);
  if (next === undefined || next.phase === 'running') return say('wait', 'rest');
  if (station.release?.serials)
    return say(
      station.release.serials.left === 0 ? 'no_serials' : 'next_board',
      station.release.serials.left === 0 ? 'alarm' : 'act',
    );
  return station.autoStart ? say('scan_auto', 'act', { slot: next.name }) : say('scan', 'act');
}

function removalOf(slot: SlotState): string {
  if (slot.failure?.code === 'already-passed') return 'remove_passed';
  return `remove_${slot.verdict === 'INTERRUPTED' ? 'ABORTED' : (slot.verdict ?? 'ERROR')}`;
}

function latestFinished(slots: readonly SlotState[]): SlotState | undefined {
  return slots
    .filter((slot) => slot.phase === 'finished')
    .reduce<SlotState | undefined>(
      (latest, slot) => ((slot.finishedAt ?? '') >= (latest?.finishedAt ?? '') ? slot : latest),
      undefined,
    );
}

function say(key: string, tone: NextAction['tone'], params: Record<string, string> = {}): NextAction {
  return { key, tone, params };
}
