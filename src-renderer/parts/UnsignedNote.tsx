import Warning from '@mui/icons-material/Warning';
import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { StationState } from '#shared/contract/station.ts';
import { dateTime } from './format.ts';
import { COLORS } from './theme.ts';

type Unsigned = NonNullable<NonNullable<StationState['release']>['unsigned']>;

/** Nobody answers for this release: said before a board is started with it, and by whose leave it runs. */
export function UnsignedNote({ unsigned: { rule, by, at } }: { readonly unsigned: Unsigned }) {
  const { t, i18n } = useTranslation();
  const since = at === null ? '' : dateTime(at, i18n.language);
  return (
    <Box
      role="note"
      data-part="unsigned"
      data-rule={rule}
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '0.375rem',
        p: '0.25rem 0.5rem',
        borderRadius: '0.5rem',
        bgcolor: COLORS.error,
        color: '#000000',
        fontSize: '0.875rem',
        lineHeight: 1.25,
      }}
    >
      <Warning />
      <Box>
        <Box sx={{ fontWeight: 800 }}>{t('unsigned.title')}</Box>
        {t(`unsigned.${rule}`, { by: by ?? '', since })}
      </Box>
    </Box>
  );
}
