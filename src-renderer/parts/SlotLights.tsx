import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { SlotState } from '#shared/contract/station.ts';
import { useStation } from './station-context.ts';
import { COLORS } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';

/** How every slot stands, small: nobody misses a verdict while he looks something up. */
export function SlotLights() {
  const slots = useStation((state) => state.station?.slots) ?? [];
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: '0.25rem', maxWidth: '15rem', justifyContent: 'flex-end' }}>
      {slots.map((slot) => (
        <Light key={slot.id} slot={slot} />
      ))}
    </Box>
  );
}

function Light({ slot }: { readonly slot: SlotState }) {
  const { t } = useTranslation();
  const look = slot.verdict === null ? null : VERDICT_LOOKS[slot.verdict];
  const Icon = look?.icon;
  const state = slot.verdict === null ? t(`light.${slot.phase}`) : t(`verdict.${slot.verdict}`);
  return (
    <Box
      role="img"
      aria-label={`${t('slot.name', { name: slot.name })}: ${state}`}
      data-light={slot.verdict ?? slot.phase}
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '0.125rem',
        height: '1.75rem',
        px: '0.375rem',
        borderRadius: '0.375rem',
        fontWeight: 800,
        bgcolor: look?.background ?? (slot.phase === 'running' ? COLORS.work : COLORS.tile),
        color: look?.color ?? (slot.phase === 'running' ? '#fff' : COLORS.quiet),
      }}
    >
      {slot.name}
      {Icon !== undefined && <Icon sx={{ fontSize: '1.25rem' }} />}
      {slot.phase === 'running' && <span aria-hidden>…</span>}
    </Box>
  );
}
