import Box from '@mui/material/Box';
import type { StationState } from '#shared/contract/station.ts';
import { InstructionBar } from '../parts/InstructionBar.tsx';
import { NextBoardButton } from '../parts/NextBoardButton.tsx';
import { InterruptedRuns } from '../parts/InterruptedRuns.tsx';
import { ScanField } from '../parts/ScanField.tsx';
import { hasManySlots, SidePanel } from '../parts/SidePanel.tsx';
import { SlotTile } from '../parts/SlotTile.tsx';
import { useStation } from '../parts/station-context.ts';
import { nextSlot } from '../stores/next-action.ts';
import { useOperatorKeys } from './use-operator-keys.ts';

const WIDE = {
  height: '100%',
  // Three touch targets side by side need their width on small screens too.
  gridTemplateColumns: 'minmax(0, 1fr) max(17rem, 276px)',
  gridTemplateRows: '6.25rem minmax(0, 1fr)',
  gridTemplateAreas: '"instruction side" "slots side"',
} as const;

/** Below this there is no room for a panel at the side; the page scrolls instead. */
const NARROW = {
  height: 'auto',
  gridTemplateColumns: 'minmax(0, 1fr)',
  gridTemplateRows: 'auto',
  gridTemplateAreas: '"instruction" "slots" "side"',
} as const;

export function OperatorScreen() {
  const station = useStation((state) => state.station);
  const connection = useStation((state) => state.connection);
  const keys = useOperatorKeys();
  return (
    <Box
      component="main"
      data-connection={connection}
      sx={{
        display: 'grid',
        gap: '0.625rem',
        p: '0.625rem',
        boxSizing: 'border-box',
        ...WIDE,
        '@media (max-width: 900px), (max-aspect-ratio: 1/1)': NARROW,
      }}
    >
      <InstructionBar>
        <ScanField text={keys.text} field={keys.field} onChange={keys.setText} onEnter={keys.enter} />
        {station?.release?.serials && <NextBoardButton serials={station.release.serials} />}
      </InstructionBar>
      {station !== null && <Slots station={station} faded={connection !== 'open'} />}
      {station !== null && station.interrupted.length > 0 && <InterruptedRuns records={station.interrupted} />}
      {station !== null && <SidePanel station={station} />}
    </Box>
  );
}

/** All in view at once, at rest in their places; what the host last said is greyed while it cannot be heard. */
function Slots({ station, faded }: { readonly station: StationState; readonly faded: boolean }) {
  const next = station.slots.some((slot) => slot.phase === 'ready') ? undefined : nextSlot(station.slots);
  const compact = hasManySlots(station);
  const columns = compact ? Math.ceil(Math.sqrt(station.slots.length)) : Math.min(2, station.slots.length);
  return (
    <Box
      sx={{
        gridArea: 'slots',
        minHeight: 0,
        display: 'grid',
        gap: compact ? '0.375rem' : '0.625rem',
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        gridAutoRows: 'minmax(0, 1fr)',
        opacity: faded ? 0.45 : 1,
      }}
    >
      {station.slots.map((slot) => (
        <SlotTile key={slot.id} slot={slot} isNext={slot === next} compact={compact} />
      ))}
    </Box>
  );
}
