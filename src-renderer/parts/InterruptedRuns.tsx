import PowerOff from '@mui/icons-material/PowerOff';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import type { UnitRecord } from '#shared/model/unit-record.ts';
import { dateTime } from './format.ts';
import { useActions } from './station-context.ts';
import { COLORS, MONO } from './theme.ts';

/** As many as fit; the log holds the rest. */
const SHOWN = 6;

/** Runs that a dead process left behind: in the way until somebody says that the boards are found. */
export function InterruptedRuns({ records }: { readonly records: readonly UnitRecord[] }) {
  const { t, i18n } = useTranslation();
  const actions = useActions();
  return (
    <Box
      role="alertdialog"
      aria-label={t('interrupted.title')}
      data-part="interrupted"
      sx={{
        gridArea: 'slots',
        zIndex: 1,
        display: 'flex',
        flexDirection: 'column',
        gap: '0.75rem',
        p: '1.5rem',
        borderRadius: '0.75rem',
        bgcolor: '#fff',
        border: `0.5rem solid ${COLORS.error}`,
      }}
    >
      <Box sx={{ display: 'flex', alignItems: 'center', gap: '1rem', fontSize: '2rem', fontWeight: 800 }}>
        <PowerOff sx={{ fontSize: '3rem' }} />
        {t('interrupted.title')}
      </Box>
      <Box sx={{ fontSize: '1.25rem' }}>{t('interrupted.text')}</Box>
      <Box
        sx={{
          flex: 1,
          minHeight: 0,
          display: 'grid',
          gridTemplateColumns: '1fr 1fr',
          alignContent: 'start',
          gap: '0.5rem',
        }}
      >
        {records.slice(0, SHOWN).map((record) => (
          <Box key={record.run}>
            <Box sx={{ fontFamily: MONO, fontSize: '1.75rem', fontWeight: 700 }}>{record.serial}</Box>
            <Box sx={{ color: COLORS.quiet }}>
              {t('interrupted.item', { slot: record.slot, when: dateTime(record.startedAt, i18n.language) })}
            </Box>
            {record.failure && <Box>{t(`failures:${record.failure.code}.sentence`, record.failure.params)}</Box>}
          </Box>
        ))}
        {records.length > SHOWN && <Box>{t('interrupted.more', { count: records.length - SHOWN })}</Box>}
      </Box>
      <Button variant="contained" onClick={() => void actions.acknowledgeInterrupted()} sx={{ alignSelf: 'flex-end' }}>
        {t('interrupted.done')}
      </Button>
    </Box>
  );
}
