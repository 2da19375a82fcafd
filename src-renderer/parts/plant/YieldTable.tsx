import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { FAILURES } from '#shared/model/failure.ts';
import type { YieldReport } from '#shared/contract/plant/web-messages.ts';
import { endsOf, type YieldEnd, type YieldRow } from '../../stores/plant-yield.ts';
import { COLORS } from '../theme.ts';
import { Card } from './Page.tsx';
import { count, failureKind, percent } from './plant-format.ts';
import { Table } from './Table.tsx';
import { Tag } from './words.tsx';

/** More codes than these are a long tail that nobody acts on. */
const TOP = 6;

/** Yield by product, step and station. */
export function YieldTable({ rows }: { readonly rows: readonly YieldRow[] }) {
  const { t, i18n } = useTranslation();
  const { language } = i18n;
  return (
    <Table
      name={t('home.table')}
      rows={rows}
      keyOf={({ product, process, station }) => `${product} ${process} ${station}`}
      columns={[
        {
          key: 'station',
          head: t('word.station'),
          render: ({ station, below }) => (
            <>
              {station} {below && <Tag tone="alarm">{t('home.below')}</Tag>}
            </>
          ),
        },
        {
          key: 'product',
          head: `${t('word.product')} · ${t('word.process')}`,
          render: ({ product, process }) => `${product} · ${process}`,
        },
        { key: 'fpy', head: t('home.fpy_short'), number: true, render: ({ fpy }) => <b>{percent(fpy, language)}</b> },
        {
          key: 'interval',
          head: t('home.interval_short'),
          number: true,
          render: ({ interval }) =>
            interval === null ? '–' : `${percent(interval.low, language)} – ${percent(interval.high, language)}`,
        },
        { key: 'final', head: t('home.final_short'), number: true, render: ({ final }) => percent(final, language) },
        {
          key: 'attempted',
          head: t('home.attempted_short'),
          number: true,
          render: ({ attempted }) => count(attempted, language),
        },
      ]}
    />
  );
}

/** Why units failed, and apart from it what else ended runs. */
export function Ends({ report }: { readonly report: YieldReport }) {
  const { t } = useTranslation();
  const others = (['ABORTED', 'INTERRUPTED'] as const).flatMap((verdict) => endsOf(report, verdict));
  return (
    <Box sx={{ display: 'grid', gap: '0.75rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Card title={t('home.fails')}>
        <Reasons ends={endsOf(report, 'FAIL')} none={t('home.no_fails')} part="fails" />
      </Card>
      <Card title={t('home.errors_title')}>
        <Reasons ends={endsOf(report, 'ERROR')} none={t('home.no_errors')} part="errors" />
      </Card>
      {others.length > 0 && (
        <Card title={t('home.stopped')}>
          <Reasons ends={others} none="" part="stopped" />
        </Card>
      )}
    </Box>
  );
}

interface ReasonsProps {
  readonly ends: readonly YieldEnd[];
  readonly none: string;
  readonly part: string;
}

function Reasons({ ends, none, part }: ReasonsProps) {
  const { t, i18n } = useTranslation();
  if (ends.length === 0) return <Box sx={{ color: COLORS.quiet }}>{none}</Box>;
  const rest = ends.slice(TOP).reduce((sum, { runs }) => sum + runs, 0);
  return (
    <Box component="ol" data-reasons={part} sx={{ listStyle: 'none', m: 0, p: 0, display: 'grid', gap: '0.375rem' }}>
      {ends.slice(0, TOP).map(({ code, runs, verdict }) => (
        <Box
          component="li"
          key={`${verdict} ${code}`}
          data-code={code}
          sx={{ display: 'grid', gridTemplateColumns: '3rem 1fr', gap: '0.5rem' }}
        >
          <Box sx={{ textAlign: 'end', fontWeight: 700 }}>{count(runs, i18n.language)}</Box>
          <div>
            {code === '' ? t('home.no_code') : failureKind(code, t)}
            {code !== '' && (
              <Box component="span" sx={{ color: COLORS.quiet }}>
                {' '}
                · {t(`who.${FAILURES[code].blame}`)}
              </Box>
            )}
          </div>
        </Box>
      ))}
      {rest > 0 && <li>{t('home.more_reasons', { count: rest })}</li>}
    </Box>
  );
}
