import ReportProblem from '@mui/icons-material/ReportProblem';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import type { Failure } from '#shared/model/failure.ts';
import { readableParams } from './format.ts';
import { useActions } from './station-context.ts';
import { COLORS } from './theme.ts';

/**
 * What is wrong with the station itself while boards can go on: what to do, and whom to call, one after the other until somebody has
 * seen each. At the side: slots keep their room for verdicts and reasons.
 */
export function StationTrouble({ troubles }: { readonly troubles: readonly Failure[] }) {
  const { t, i18n } = useTranslation();
  const actions = useActions();
  const [trouble] = troubles;
  if (trouble === undefined) return null;
  const { code, blame, params } = trouble;
  const facts = [code, params['file']?.split(/[\\/]/).at(-1), `${t('who.label')}: ${t(`who.${blame}`)}`];
  return (
    <Box
      role="alert"
      data-part="trouble"
      data-code={code}
      sx={{
        display: 'grid',
        gap: '0.375rem',
        p: '0.5rem',
        borderRadius: '0.5rem',
        bgcolor: '#fff',
        border: `0.25rem solid ${COLORS.error}`,
        overflowWrap: 'anywhere',
      }}
    >
      <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.5rem', fontSize: '1.125rem', fontWeight: 800 }}>
        <ReportProblem />
        {t('trouble.title')}
        {troubles.length > 1 && ` (${troubles.length})`}
      </Box>
      <Box sx={{ lineHeight: 1.3 }}>
        {t(`${code}.remedy`, { ns: 'failures', ...readableParams(trouble, i18n.language) })}
      </Box>
      <Box sx={{ fontSize: '0.8125rem', color: COLORS.quiet }}>
        {facts.filter((fact) => fact !== undefined).join(' · ')}
      </Box>
      <Button variant="contained" onClick={() => void actions.acknowledgeTrouble(code)}>
        {t('trouble.seen')}
      </Button>
    </Box>
  );
}
