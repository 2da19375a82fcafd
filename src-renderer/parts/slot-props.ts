import type { SlotState } from '#shared/contract/station.ts';

export interface SlotProps {
  readonly slot: SlotState;
}
