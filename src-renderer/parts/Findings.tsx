import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { SlotState } from '#shared/contract/station.ts';
import { Why } from './FinishedSlot.tsx';
import { VERDICT_LOOKS } from './verdict-look.ts';

/** What is wrong on which slot and what to do, where the tiles are too small to say it; the newest first. */
export function Findings({ slots }: { readonly slots: readonly SlotState[] }) {
  const { t } = useTranslation();
  const bad = slots
    .filter((slot) => slot.phase === 'finished' && slot.failure !== null)
    .toSorted((a, b) => (b.finishedAt ?? '').localeCompare(a.finishedAt ?? ''));
  return (
    <Box
      data-part="findings"
      sx={{
        flex: 1,
        minHeight: 0,
        overflow: 'auto',
        display: 'grid',
        gap: '0.5rem',
        alignContent: 'start',
        gridTemplateColumns: 'minmax(0, 1fr)',
      }}
    >
      {bad.map((slot) => {
        const { verdict, failure } = slot;
        if (verdict === null || failure === null) return null;
        const { background, color, icon: Icon } = VERDICT_LOOKS[verdict];
        return (
          <Box key={slot.id} sx={{ borderRadius: '0.5rem', p: '0.5rem', bgcolor: background, color }}>
            <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.375rem', fontWeight: 800 }}>
              <Icon /> {t('slot.name', { name: slot.name })}
            </Box>
            <Why failure={failure} verdict={verdict} slot={slot} />
          </Box>
        );
      })}
    </Box>
  );
}
