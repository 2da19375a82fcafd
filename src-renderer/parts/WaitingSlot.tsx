import PlayArrow from '@mui/icons-material/PlayArrow';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import type { SlotProps } from './slot-props.ts';
import { useActions } from './station-context.ts';
import { COLORS, MONO } from './theme.ts';

export function EmptySlot({ isNext }: { readonly isNext: boolean }) {
  const { t } = useTranslation();
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
