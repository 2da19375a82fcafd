import { isProgrammer, type OpenedUnit } from '#main/programmer/programmer.ts';
import type { Target } from '#main/target/target.ts';

/** For rigs whose probes reach nothing but debug ports. */
export function debugTarget(unit: OpenedUnit): Target {
  if (isProgrammer(unit)) throw new Error('not a debug port');
  return unit;
}
