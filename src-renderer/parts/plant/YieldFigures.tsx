import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { YieldEnd, YieldFigures as Figures } from '../../stores/plant-yield.ts';
import { COLORS } from '../theme.ts';
import { count, percent } from './plant-format.ts';

interface YieldFiguresProps {
  readonly figures: Figures;
  readonly ends: readonly YieldEnd[];
}

/** The figures in large, each with how it is computed. ERROR stands apart: it is never the units'. */
export function YieldFigures({ figures, ends }: YieldFiguresProps) {
  const { t, i18n } = useTranslation();
  const { language } = i18n;
  const { attempted, passedFirst, passedLater, fpy, final, interval } = figures;
  const errors = ends.filter(({ verdict }) => verdict === 'ERROR').reduce((sum, { runs }) => sum + runs, 0);
  const numbers = {
    attempted: count(attempted, language),
    first: count(passedFirst, language),
    passed: count(passedFirst + passedLater, language),
  };
  return (
    <Box sx={{ display: 'grid', gap: '0.75rem', gridTemplateColumns: 'repeat(auto-fit, minmax(13rem, 1fr))' }}>
      <Figure part="fpy" name={t('home.fpy')} value={percent(fpy, language)} formula={t('home.fpy_formula', numbers)}>
        {interval !== null &&
          t('home.interval', { low: percent(interval.low, language), high: percent(interval.high, language) })}
      </Figure>
      <Figure
        part="final"
        name={t('home.final')}
        value={percent(final, language)}
        formula={t('home.final_formula', numbers)}
      />
      <Figure
        part="attempted"
        name={t('home.attempted')}
        value={numbers.attempted}
        formula={t('home.attempted_formula')}
      />
      <Figure
        part="errors"
        name={t('home.errors')}
        value={count(errors, language)}
        formula={t('home.errors_formula')}
        alarm={errors > 0}
      />
    </Box>
  );
}

interface FigureProps {
  readonly part: string;
  readonly name: string;
  readonly value: string;
  readonly formula: string;
  readonly alarm?: boolean;
  readonly children?: ReactNode;
}

function Figure({ part, name, value, formula, alarm = false, children }: FigureProps) {
  return (
    <Box
      data-figure={part}
      sx={{
        bgcolor: COLORS.tile,
        borderRadius: '0.5rem',
        p: '0.5rem 0.75rem',
        borderInlineStart: `4px solid ${alarm ? COLORS.error : 'transparent'}`,
      }}
    >
      <Box sx={{ fontWeight: 600 }}>{name}</Box>
      <Box sx={{ display: 'flex', alignItems: 'baseline', gap: '0.5rem' }}>
        <Box data-part="value" sx={{ fontSize: '1.75rem', fontWeight: 800, lineHeight: 1.15 }}>
          {value}
        </Box>
        <Box sx={{ fontSize: '0.75rem', whiteSpace: 'nowrap' }}>{children}</Box>
      </Box>
      <Box sx={{ fontSize: '0.75rem', color: COLORS.quiet, lineHeight: 1.3 }}>{formula}</Box>
    </Box>
  );
}
