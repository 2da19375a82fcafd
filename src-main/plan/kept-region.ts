import type { FlashMemory } from '#shared/model/chip.ts';

/** What a re-flash must leave as it is, byte for byte: calibration, identity. */
export interface KeptRegion {
  readonly name: string;
  readonly memory: FlashMemory;
  readonly address: number;
  readonly size: number;
}
