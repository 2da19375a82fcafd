import ArrowForward from '@mui/icons-material/ArrowForward';
import Block from '@mui/icons-material/Block';
import HourglassEmpty from '@mui/icons-material/HourglassEmpty';
import PriorityHigh from '@mui/icons-material/PriorityHigh';
import Box from '@mui/material/Box';
import { useMemo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { nextAction, type NextAction } from '../stores/next-action.ts';
import type { Notice } from '../stores/station-store.ts';
import { readableParams } from './format.ts';
import { useStation } from './station-context.ts';
import { COLORS } from './theme.ts';

const TONES = {
  rest: { icon: HourglassEmpty, background: COLORS.panel, color: COLORS.text },
  act: { icon: ArrowForward, background: COLORS.panel, color: COLORS.text },
  alarm: { icon: PriorityHigh, background: COLORS.error, color: '#000000' },
} as const satisfies Record<NextAction['tone'], unknown>;

/** One plain sentence that says what to do next; a refused scan says why in its place. */
export function InstructionBar({ children }: { readonly children: ReactNode }) {
  const connection = useStation((state) => state.connection);
  const station = useStation((state) => state.station);
  const notice = useStation((state) => state.notice);
  const action = useMemo(() => nextAction({ connection, station }), [connection, station]);
  const refused = notice?.kind === 'refused';
  const tone = TONES[refused ? 'alarm' : action.tone];
  const Icon = refused ? Block : tone.icon;
  return (
    <Box
      component="header"
      sx={{
        gridArea: 'instruction',
        display: 'flex',
        alignItems: 'center',
        gap: '1rem',
        px: '1rem',
        borderRadius: '0.75rem',
        bgcolor: tone.background,
        color: tone.color,
        minWidth: 0,
      }}
    >
      <Icon sx={{ fontSize: '3rem' }} />
      <Box role="status" data-part="instruction" sx={{ flex: 1, minWidth: 0 }}>
        {refused ? <Refusal notice={notice} /> : <Sentence action={action} notice={notice} />}
      </Box>
      {children}
    </Box>
  );
}

function Sentence({ action, notice }: { readonly action: NextAction; readonly notice: Notice | null }) {
  const { t } = useTranslation();
  return (
    <>
      <Box sx={{ fontSize: '1.75rem', fontWeight: 700, lineHeight: 1.15 }}>
        {t(`action.${action.key}`, action.params)}
      </Box>
      {notice?.kind === 'repeated' && (
        <Box sx={{ fontSize: '1.0625rem' }}>{t('action.repeated', { serial: notice.serial })}</Box>
      )}
    </>
  );
}

function Refusal({ notice: { failure, serial } }: { readonly notice: Extract<Notice, { kind: 'refused' }> }) {
  const { t, i18n } = useTranslation();
  const params = { ns: 'failures', ...readableParams(failure, i18n.language) };
  return (
    <>
      <Box sx={{ fontSize: '1.375rem', fontWeight: 700, lineHeight: 1.15 }}>
        {t('scan.refused')}
        {serial === null || 'serial' in failure.params ? '' : ` (${serial.slice(0, 24)})`}:{' '}
        {t(`${failure.code}.sentence`, params)}
      </Box>
      <Box sx={{ fontSize: '1.0625rem', lineHeight: 1.2 }}>{t(`${failure.code}.remedy`, params)}</Box>
    </>
  );
}
