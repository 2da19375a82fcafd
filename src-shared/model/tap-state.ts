/** The states of a TAP controller (IEEE 1149.1, figure 6-1), by the names that SVF gives them, in lower case. */
export const TAP_STATES = [
  'reset',
  'idle',
  'drselect',
  'drcapture',
  'drshift',
  'drexit1',
  'drpause',
  'drexit2',
  'drupdate',
  'irselect',
  'ircapture',
  'irshift',
  'irexit1',
  'irpause',
  'irexit2',
  'irupdate',
] as const;
export type TapState = (typeof TAP_STATES)[number];

/** Where a clock with TMS as it is leads to the state itself, or can be repeated without harm. */
export const STABLE_STATES = ['reset', 'idle', 'drpause', 'irpause'] as const satisfies readonly TapState[];
export type StableState = (typeof STABLE_STATES)[number];

export function isStable(state: TapState): state is StableState {
  return STABLE_STATES.some((stable) => stable === state);
}

/** After a rising TCK with TMS 0, with TMS 1. */
const AFTER: Readonly<Record<TapState, readonly [TapState, TapState]>> = {
  reset: ['idle', 'reset'],
  idle: ['idle', 'drselect'],
  drselect: ['drcapture', 'irselect'],
  drcapture: ['drshift', 'drexit1'],
  drshift: ['drshift', 'drexit1'],
  drexit1: ['drpause', 'drupdate'],
  drpause: ['drpause', 'drexit2'],
  drexit2: ['drshift', 'drupdate'],
  drupdate: ['idle', 'drselect'],
  irselect: ['ircapture', 'reset'],
  ircapture: ['irshift', 'irexit1'],
  irshift: ['irshift', 'irexit1'],
  irexit1: ['irpause', 'irupdate'],
  irpause: ['irpause', 'irexit2'],
  irexit2: ['irshift', 'irupdate'],
  irupdate: ['idle', 'drselect'],
};

export function tapStateAfter(state: TapState, tms: 0 | 1): TapState {
  return AFTER[state][tms];
}

/** TMS, clock by clock, on the shortest way; nothing where the two are the same. */
export function tapPath(from: TapState, to: TapState): readonly (0 | 1)[] {
  return PATHS[from][to];
}

const PATHS = Object.fromEntries(TAP_STATES.map((from) => [from, waysFrom(from)])) as Readonly<
  Record<TapState, Readonly<Record<TapState, readonly (0 | 1)[]>>>
>;

/** Breadth first, so that the first way found is a shortest one. */
function waysFrom(from: TapState): Partial<Record<TapState, readonly (0 | 1)[]>> {
  const ways: Partial<Record<TapState, readonly (0 | 1)[]>> = { [from]: [] };
  const open: TapState[] = [from];
  for (const state of open) {
    for (const tms of [0, 1] as const) {
      const next = AFTER[state][tms];
      if (ways[next]) continue;
      ways[next] = [...(ways[state] ?? []), tms];
      open.push(next);
    }
  }
  return ways;
}
