/** The sixteen states of a TAP controller (IEEE 1149.1, figure 6-1). */
export type TapState =
  | 'reset'
  | 'idle'
  | 'select-dr'
  | 'capture-dr'
  | 'shift-dr'
  | 'exit1-dr'
  | 'pause-dr'
  | 'exit2-dr'
  | 'update-dr'
  | 'select-ir'
  | 'capture-ir'
  | 'shift-ir'
  | 'exit1-ir'
  | 'pause-ir'
  | 'exit2-ir'
  | 'update-ir';

/** Where a rising TCK leads with TMS low, and with TMS high. */
const NEXT: Readonly<Record<TapState, readonly [TapState, TapState]>> = {
  reset: ['idle', 'reset'],
  idle: ['idle', 'select-dr'],
  'select-dr': ['capture-dr', 'select-ir'],
  'capture-dr': ['shift-dr', 'exit1-dr'],
  'shift-dr': ['shift-dr', 'exit1-dr'],
  'exit1-dr': ['pause-dr', 'update-dr'],
  'pause-dr': ['pause-dr', 'exit2-dr'],
  'exit2-dr': ['shift-dr', 'update-dr'],
  'update-dr': ['idle', 'select-dr'],
  'select-ir': ['capture-ir', 'reset'],
  'capture-ir': ['shift-ir', 'exit1-ir'],
  'shift-ir': ['shift-ir', 'exit1-ir'],
  'exit1-ir': ['pause-ir', 'update-ir'],
  'pause-ir': ['pause-ir', 'exit2-ir'],
  'exit2-ir': ['shift-ir', 'update-ir'],
  'update-ir': ['idle', 'select-dr'],
};

export function nextState(state: TapState, tms: 0 | 1): TapState {
  return NEXT[state][tms];
}
