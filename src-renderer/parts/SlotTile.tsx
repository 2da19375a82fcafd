import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { assertNever } from '#shared/base/assert-never.ts';
import type { SlotState } from '#shared/contract/station.ts';
import { seconds } from './format.ts';
import { EmptySlot, ReadySlot } from './WaitingSlot.tsx';
import { FinishedSlot } from './FinishedSlot.tsx';
import { RunningSlot } from './RunningSlot.tsx';
import type { SlotProps } from './slot-props.ts';
import { COLORS, MONO } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';

/** One board position. Its frame never changes size, whatever happens in it. */
export function SlotTile({ slot, isNext }: SlotProps & { readonly isNext: boolean }) {
  const { t } = useTranslation();
  const look = slot.phase === 'finished' && slot.verdict !== null ? VERDICT_LOOKS[slot.verdict] : null;
  return (
    <Box
      component="section"
      aria-label={t('slot.name', { name: slot.name })}
      data-slot={slot.id}
      data-phase={slot.phase}
      data-verdict={slot.verdict ?? ''}
      sx={{
        display: 'flex',
        flexDirection: 'column',
        minWidth: 0,
        minHeight: 0,
        overflow: 'hidden',
        borderRadius: '0.75rem',
        p: '0.75rem 1rem',
        bgcolor: look?.background ?? COLORS.tile,
        color: look?.color ?? COLORS.text,
        border: '0.25rem solid',
        borderColor: look?.background ?? (slot.phase === 'ready' ? COLORS.act : 'transparent'),
      }}
    >
      <Header slot={slot} onColor={look !== null} />
      <Box sx={{ flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column' }}>{body(slot, isNext)}</Box>
    </Box>
  );
}

function body(slot: SlotState, isNext: boolean) {
  switch (slot.phase) {
    case 'empty':
      return <EmptySlot isNext={isNext} />;
    case 'ready':
      return <ReadySlot slot={slot} />;
    case 'running':
      return <RunningSlot slot={slot} />;
    case 'finished':
      return <FinishedSlot slot={slot} />;
    default:
      return assertNever(slot.phase, 'slot phase');
  }
}

function Header({ slot, onColor }: SlotProps & { readonly onColor: boolean }) {
  const { t, i18n } = useTranslation();
  const elapsed = slot.phase === 'running' || slot.phase === 'finished';
  return (
    <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.75rem', height: '2.5rem', flexShrink: 0 }}>
      <Box
        aria-hidden
        sx={{
          width: '2.5rem',
          height: '2.5rem',
          borderRadius: '0.5rem',
          display: 'grid',
          placeItems: 'center',
          fontSize: '1.75rem',
          fontWeight: 800,
          lineHeight: 1,
          bgcolor: onColor ? 'rgba(0,0,0,0.18)' : COLORS.line,
        }}
      >
        {slot.name}
      </Box>
      <Box
        data-part="serial"
        sx={{ fontFamily: MONO, fontSize: '1.75rem', fontWeight: 700, whiteSpace: 'nowrap', overflow: 'hidden' }}
      >
        {slot.phase === 'ready' ? '' : slot.serial}
      </Box>
      {slot.rework && (
        <Box
          sx={{ border: '2px solid', borderRadius: '0.375rem', px: '0.5rem', fontSize: '0.9375rem', fontWeight: 700 }}
        >
          {t('slot.rework')}
        </Box>
      )}
      <Box sx={{ ml: 'auto', fontSize: '1.125rem', whiteSpace: 'nowrap' }}>
        {elapsed ? t('slot.seconds', { seconds: seconds(slot.elapsedMs, i18n.language) }) : ''}
      </Box>
    </Box>
  );
}
