import Warning from '@mui/icons-material/Warning';
import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { StationState } from '#shared/contract/station.ts';
import { COLORS } from './theme.ts';

/** By whom and for which order the next boards are made. */
export function WorkFacts({ station: { operator, order } }: { readonly station: StationState }) {
  const { t } = useTranslation();
  return (
    <Box sx={{ px: '0.125rem', fontSize: '0.875rem', lineHeight: 1.3 }}>
      <Box sx={{ color: COLORS.quiet }}>{t('work.operator', { operator })}</Box>
      {order !== null && (
        <Box data-part="order" data-standing={order.standing} sx={order.standing === 'open' ? {} : NEEDS_A_HAND}>
          {order.standing !== 'open' && <Warning sx={{ fontSize: '1.125rem' }} />}
          {t(`work.order_${order.standing}`, order)}
        </Box>
      )}
    </Box>
  );
}

const NEEDS_A_HAND = {
  display: 'flex',
  alignItems: 'center',
  gap: '0.25rem',
  px: '0.375rem',
  borderRadius: '0.375rem',
  bgcolor: COLORS.error,
  color: '#000000',
  fontWeight: 700,
} as const;
