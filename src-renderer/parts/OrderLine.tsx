import Warning from '@mui/icons-material/Warning';
import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { OrderState } from '#shared/contract/station.ts';
import { COLORS } from './theme.ts';

/** For which order the next boards are made, and how far it is. */
export function OrderLine({ order }: { readonly order: OrderState }) {
  const { t } = useTranslation();
  return (
    <Box
      data-part="order"
      data-standing={order.standing}
      sx={{ fontSize: '0.875rem', lineHeight: 1.3, ...(order.standing === 'open' ? {} : NEEDS_A_HAND) }}
    >
      {order.standing !== 'open' && <Warning sx={{ fontSize: '1.125rem' }} />}
      {t(`work.order_${order.standing}`, order)}
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
