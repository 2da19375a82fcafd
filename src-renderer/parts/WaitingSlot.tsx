import PlayArrow from '@mui/icons-material/PlayArrow';
import UsbOff from '@mui/icons-material/UsbOff';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { lacksProbe } from '../stores/next-action.ts';
import type { SlotProps } from './slot-props.ts';
import { useActions } from './station-context.ts';
import { COLORS, MONO } from './theme.ts';

/** An empty slot: free, the next one, or without a probe that could be used. */
export function EmptySlot({ slot, isNext }: SlotProps & { readonly isNext: boolean }) {
  const { t } = useTranslation();
  if (lacksProbe(slot)) return <NoProbe slot={slot} />;
  return (
    <Box
      sx={{
        flex: 1,
        mt: '0.5rem',
        display: 'grid',
        placeItems: 'center',
        fontSize: '1.5rem',
        color: COLORS.quiet,
        borderRadius: '0.5rem',
        border: isNext ? `0.1875rem dashed ${COLORS.quiet}` : '0.1875rem solid transparent',
      }}
    >
      {isNext ? t('slot.next') : t('slot.empty')}
    </Box>
  );
}

/** Colour and icon beside the word: it needs a hand before the next board does. */
export function NoProbe({ slot }: SlotProps) {
  const { t } = useTranslation();
  return (
    <Box
      data-part="no-probe"
      sx={{
        flex: 1,
        mt: '0.25rem',
        p: '0 0.5rem',
        display: 'flex',
        alignItems: 'center',
        justifyContent: 'center',
        gap: '0.5rem',
        fontSize: '1.125rem',
        fontWeight: 700,
        lineHeight: 1.15,
        bgcolor: COLORS.error,
        color: '#000000',
        borderRadius: '0.5rem',
      }}
    >
      <UsbOff sx={{ fontSize: '2rem' }} />
      {t(`probe.${slot.attached}`)}
    </Box>
  );
}

export function ReadySlot({ slot }: SlotProps) {
  const { t } = useTranslation();
  const actions = useActions();
  return (
    <Box sx={{ flex: 1, display: 'flex', flexDirection: 'column', justifyContent: 'space-between' }}>
      <Box
        sx={{
          flex: 1,
          display: 'grid',
          placeItems: 'center',
          fontFamily: MONO,
          fontSize: '3.25rem',
          fontWeight: 700,
          lineHeight: 1,
        }}
      >
        {slot.serial}
      </Box>
      <Box sx={{ display: 'flex', gap: '0.75rem' }}>
        <Button color="inherit" variant="outlined" onClick={() => void actions.clear(slot.id)} sx={{ width: '30%' }}>
          {t('slot.clear')}
        </Button>
        <Button
          variant="contained"
          startIcon={<PlayArrow sx={{ fontSize: '2.5rem !important' }} />}
          onClick={() => void actions.start(slot.id)}
          sx={{ flex: 1, fontSize: '2rem' }}
        >
          {t('slot.start')}
        </Button>
      </Box>
    </Box>
  );
}
