import type { UseQueryResult } from '@tanstack/react-query';
import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlantCallFailed } from '../../client/plant-client.ts';
import { COLORS } from '../theme.ts';
import { Problem } from './Problem.tsx';

interface LoadedProps<T> {
  readonly of: UseQueryResult<T, PlantCallFailed>;
  readonly children: (data: T) => ReactNode;
}

/** An answer of the plant in each of its states. What was known before a failure stays in view, greyed. */
export function Loaded<T>({ of, children }: LoadedProps<T>) {
  const { data, error, isPending } = of;
  return (
    <>
      {error !== null && <Problem error={error} onRetry={() => void of.refetch()} />}
      {isPending && <Waiting />}
      {data !== undefined && <Box sx={{ opacity: error === null ? 1 : 0.6, minWidth: 0 }}>{children(data)}</Box>}
    </>
  );
}

export function Waiting() {
  const { t } = useTranslation();
  return (
    <Box role="status" data-part="waiting" sx={{ color: COLORS.quiet, p: '0.75rem' }}>
      {t('common.loading')}
    </Box>
  );
}

/** In place of a table without rows: why it is empty and what would fill it. */
export function Nothing({ children }: { readonly children: ReactNode }) {
  return (
    <Box data-part="nothing" sx={{ color: COLORS.quiet, p: '0.75rem', bgcolor: COLORS.tile, borderRadius: '0.375rem' }}>
      {children}
    </Box>
  );
}
