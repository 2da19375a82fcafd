import type { Board } from '../board.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Uf2BootLoader } from './boot-loader.ts';

/** A unit in its boot loader. */
export interface InBootLoader {
  readonly board: Board;
  readonly loader: Uf2BootLoader;
  readonly faults: FaultPlan;
}
