import Box from '@mui/material/Box';
import ButtonBase from '@mui/material/ButtonBase';
import { useTranslation } from 'react-i18next';
import type { Sample } from '#shared/contract/station.ts';
import { Barcode } from './Barcode.tsx';
import { useActions } from './station-context.ts';
import { COLORS, MONO, TOUCH } from './theme.ts';

/** Barcodes to try on the bench; real ones, so that a scanner may be tried with them too. */
export function SampleBarcodes({ samples }: { readonly samples: readonly Sample[] }) {
  const { t } = useTranslation();
  const actions = useActions();
  return (
    <Box sx={{ minHeight: 0, display: 'flex', flexDirection: 'column', gap: '0.375rem' }}>
      <Box sx={{ fontSize: '0.875rem', lineHeight: 1.1, color: COLORS.quiet }}>{t('bench.samples')}</Box>
      {/* Lets the list scroll with a ring of its own around a focused barcode. */}
      <Box sx={{ minHeight: 0, overflow: 'auto', display: 'grid', gap: '0.375rem', p: '0.25rem', m: '-0.25rem' }}>
        {samples.map(({ serial, shows }) => (
          <ButtonBase
            key={serial}
            data-sample={serial}
            onClick={(event) => {
              event.currentTarget.blur();
              void actions.scan(serial);
            }}
            sx={{
              display: 'block',
              minHeight: TOUCH,
              bgcolor: '#fff',
              color: '#000',
              borderRadius: '0.5rem',
              p: '0.25rem 0',
            }}
          >
            <Barcode text={serial} height="2.5rem" />
            <Box sx={{ px: '1rem', display: 'flex', justifyContent: 'space-between', alignItems: 'baseline' }}>
              <Box sx={{ fontFamily: MONO, fontSize: '1rem', fontWeight: 700 }}>{serial}</Box>
              <Box sx={{ fontSize: '0.875rem' }}>{t(`bench.${shows}`)}</Box>
            </Box>
          </ButtonBase>
        ))}
      </Box>
    </Box>
  );
}
