import Warning from '@mui/icons-material/Warning';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import type { PlantCallFailed } from '../../client/plant-client.ts';
import { COLORS } from '../theme.ts';
import { failureWords } from './plant-format.ts';

interface ProblemProps {
  readonly error: PlantCallFailed;
  /** Left out where trying again is pressing the same button again. */
  readonly onRetry?: () => void;
}

/** What did not work, why, and what to do. */
export function Problem({ error, onRetry }: ProblemProps) {
  const { t, i18n } = useTranslation();
  const { sentence, remedy } = failureWords(error.failure, t, i18n.language);
  return (
    <Box
      role="alert"
      data-part="problem"
      data-code={error.failure.code}
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '0.75rem',
        p: '0.5rem 0.75rem',
        borderRadius: '0.375rem',
        bgcolor: COLORS.error,
        color: '#000',
      }}
    >
      <Warning />
      <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
        <Box>{sentence}</Box>
        <Box sx={{ fontWeight: 700 }}>{remedy}</Box>
      </Box>
      {onRetry !== undefined && (
        <Button sx={{ borderColor: '#000', color: '#000' }} onClick={onRetry}>
          {t('common.retry')}
        </Button>
      )}
    </Box>
  );
}
