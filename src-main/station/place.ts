import type { SlotState } from '#shared/contract/station.ts';
import type { UnitLabel } from '#shared/identity/unit-label.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SlotOptions } from './options.ts';
import type { RunEnd } from './run.ts';

export interface Running {
  readonly controller: AbortController;
  readonly done: Promise<RunEnd>;
}

/** One slot's moving parts; its state is what the screens see. */
export interface Place {
  readonly options: SlotOptions;
  state: SlotState;
  /** Of the unit that waits or runs: what its label said besides the serial. */
  label: UnitLabel['fields'];
  running: Running | null;
  progressToldAt: number;
}

/**
 * Where a scan goes that names no slot: an empty one, else the one whose verdict has been on screen longest; none whose probe is
 * missing, if another is there. A station's only slot is always meant. Throws `slot-busy`.
 */
export function nextPlace(places: readonly Place[]): Place {
  const [only] = places;
  if (only && places.length === 1) return only;
  const attached = places.filter(({ state }) => state.attached === 'yes' || state.attached === 'unknown');
  const usable = attached.length > 0 ? attached : places;
  const empty = usable.find((place) => place.state.phase === 'empty');
  const finished = usable
    .filter((place) => place.state.phase === 'finished')
    .sort((a, b) => (a.state.finishedAt ?? '').localeCompare(b.state.finishedAt ?? ''));
  const place = empty ?? finished[0];
  if (place) return place;
  throw new FlashlineError('slot-busy', { params: { slot: places.map((each) => each.options.name).join(', ') } });
}

/**
 * Rework is one deliberate scan away, and only for a unit that was just refused because it had passed. Throws `nothing-to-rework`.
 */
export function placeForRework(
  places: readonly Place[],
  slot: string | undefined,
): { readonly place: Place; readonly serial: string } {
  const [place] = places
    .filter((each) => slot === undefined || each.options.id === slot)
    .filter((each) => each.state.phase === 'finished' && each.state.failure?.code === 'already-passed')
    .sort((a, b) => (b.state.finishedAt ?? '').localeCompare(a.state.finishedAt ?? ''));
  if (!place?.state.serial) throw new FlashlineError('nothing-to-rework');
  return { place, serial: place.state.serial };
}

/** Whether a unit waits or is worked on there. */
export function isOccupied({ phase }: SlotState): boolean {
  return phase === 'ready' || phase === 'running';
}
