import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import type { StationState } from '#shared/contract/station.ts';
import { useActions } from './station-context.ts';
import { COLORS } from './theme.ts';

/** The open orders for what this station makes: one is worked on, or none. */
export function OrderChoice({ station: { order, orders } }: { readonly station: StationState }) {
  const { t } = useTranslation();
  const actions = useActions();
  return (
    <Box component="section" aria-label={t('work.orders')} sx={{ mt: '1rem' }}>
      <Box component="h2" sx={{ m: 0, mb: '0.375rem', fontSize: '1.25rem' }}>
        {t('work.orders')}
      </Box>
      {orders.length === 0 && order === null && <Box sx={{ color: COLORS.quiet }}>{t('work.no_orders')}</Box>}
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: '0.5rem' }}>
        {orders.map(({ id, passed, quantity }) => (
          <Button
            key={id}
            data-order={id}
            variant={id === order?.id ? 'contained' : 'outlined'}
            aria-pressed={id === order?.id}
            onClick={() => void actions.setOrder(id)}
            sx={{ flexDirection: 'column' }}
          >
            <b>{id}</b>
            <Box component="span" sx={{ fontSize: '0.9375rem', fontWeight: 400 }}>
              {t('work.made', { passed, quantity })}
            </Box>
          </Button>
        ))}
        {order !== null && (
          <Button data-order="" color="inherit" variant="outlined" onClick={() => void actions.setOrder(null)}>
            {t('work.no_order')}
          </Button>
        )}
      </Box>
    </Box>
  );
}
