import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { assertNever } from '#shared/base/assert-never.ts';
import type { SlotState } from '#shared/contract/station.ts';
import { seconds } from './format.ts';
import { CompactBody } from './CompactTile.tsx';
import { EmptySlot, ReadySlot } from './WaitingSlot.tsx';
import { FinishedSlot } from './FinishedSlot.tsx';
import { RunningSlot } from './RunningSlot.tsx';
import type { SlotProps } from './slot-props.ts';
import { COLORS, MONO } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';

interface TileProps extends SlotProps {
  readonly isNext: boolean;
  /** One of many: little room. */
  readonly compact: boolean;
}

/** One board position. Its frame never changes size, whatever happens in it. */
export function SlotTile({ slot, isNext, compact }: TileProps) {
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
        p: compact ? '0.375rem 0.5rem' : '0.75rem 1rem',
        bgcolor: look?.background ?? COLORS.tile,
        color: look?.color ?? COLORS.text,
        border: '0.25rem solid',
        borderColor: look?.background ?? (slot.phase === 'ready' ? COLORS.act : 'transparent'),
      }}
    >
      <Header slot={slot} onColor={look !== null} compact={compact} />
      <Box sx={{ flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column' }}>
        {compact ? <CompactBody slot={slot} isNext={isNext} /> : body(slot, isNext)}
      </Box>
    </Box>
  );
}

function body(slot: SlotState, isNext: boolean) {
  switch (slot.phase) {
    case 'empty':
      return <EmptySlot slot={slot} isNext={isNext} />;
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

function Header({ slot, onColor, compact }: SlotProps & { readonly onColor: boolean; readonly compact: boolean }) {
  const { t, i18n } = useTranslation();
  const size = compact ? '1.75rem' : '2.5rem';
  const elapsed = slot.phase === 'running' || slot.phase === 'finished';
  return (
    <Box
      sx={{ display: 'flex', alignItems: 'center', gap: compact ? '0.375rem' : '0.75rem', height: size, flexShrink: 0 }}
    >
      <Box
        aria-hidden
        sx={{
          width: size,
          height: size,
          borderRadius: '0.5rem',
          display: 'grid',
          placeItems: 'center',
          fontSize: compact ? '1.25rem' : '1.75rem',
          fontWeight: 800,
          lineHeight: 1,
          bgcolor: onColor ? 'rgba(0,0,0,0.18)' : COLORS.line,
        }}
      >
        {slot.name}
      </Box>
      <Box
        data-part="serial"
        sx={{
          fontFamily: MONO,
          fontSize: compact ? '1.25rem' : '1.75rem',
          fontWeight: 700,
          whiteSpace: 'nowrap',
          overflow: 'hidden',
        }}
      >
        {slot.phase === 'ready' && !compact ? '' : slot.serial}
      </Box>
      {slot.rework && (
        <Box
          sx={{ border: '2px solid', borderRadius: '0.375rem', px: '0.5rem', fontSize: '0.9375rem', fontWeight: 700 }}
        >
          {t('slot.rework')}
        </Box>
      )}
      <Box sx={{ ml: 'auto', fontSize: compact ? '0.875rem' : '1.125rem', whiteSpace: 'nowrap' }}>
        {elapsed ? t('slot.seconds', { seconds: seconds(slot.elapsedMs, i18n.language) }) : ''}
      </Box>
    </Box>
  );
}
