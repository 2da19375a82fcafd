import ArrowForward from '@mui/icons-material/ArrowForward';
import Box from '@mui/material/Box';
import { keepPreviousData } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { YieldReport } from '#shared/contract/plant/web-messages.ts';
import { Choice } from '../../parts/plant/Choice.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Card, Page } from '../../parts/plant/Page.tsx';
import { useAsk } from '../../parts/plant/plant-context.ts';
import { zonedTime } from '../../parts/plant/plant-format.ts';
import { useNow } from '../../parts/plant/use-now.ts';
import { YieldChart } from '../../parts/plant/YieldChart.tsx';
import { YieldFigures } from '../../parts/plant/YieldFigures.tsx';
import { Ends, YieldTable } from '../../parts/plant/YieldTable.tsx';
import { COLORS } from '../../parts/theme.ts';
import { barsOf, rowsOf, startOf, totalOf } from '../../stores/plant-yield.ts';
import { useTodos } from './use-todos.ts';

/** The live page looks again this often, in milliseconds. */
const EVERY_MS = 10_000;
const DAY_MS = 24 * 3_600_000;

const SPANS = ['today', 'yesterday', 'week'] as const;
type Span = (typeof SPANS)[number];

/** The first page of the morning: what waits, and how the lines run. */
export function HomePage() {
  const { t, i18n } = useTranslation();
  const now = useNow(EVERY_MS);
  const [span, setSpan] = useState<Span>('today');
  const [product, setProduct] = useState('');
  const [station, setStation] = useState('');
  const { from, to, by } = rangeOf(span, now);
  const range = { from: from.toISOString(), to: to.toISOString() };
  const narrow = { ...(product === '' ? {} : { product }), ...(station === '' ? {} : { station }) };
  const everything = useAsk('yield.report', { query: range }, { every: EVERY_MS, keep: keepPreviousData });
  const report = useAsk(
    'yield.report',
    { query: { ...range, ...narrow } },
    { every: EVERY_MS, keep: keepPreviousData },
  );
  const names = (key: 'product' | 'station', chosen: string): string[] =>
    [...new Set([...(everything.data?.cells ?? []).map((cell) => cell[key]), chosen])].filter(Boolean).sort();
  const all = [['', t('home.all')]] as const;
  const filters = (
    <>
      <Choice
        label={t('home.span')}
        value={span}
        width="9rem"
        options={SPANS.map((each) => [each, t(`home.span_${each}`)])}
        onChange={(value) => setSpan(SPANS.find((each) => each === value) ?? 'today')}
      />
      <Choice
        label={t('word.product')}
        value={product}
        width="10rem"
        options={[...all, ...names('product', product).map((each) => [each, each] as const)]}
        onChange={setProduct}
      />
      <Choice
        label={t('word.station')}
        value={station}
        width="10rem"
        options={[...all, ...names('station', station).map((each) => [each, each] as const)]}
        onChange={setStation}
      />
    </>
  );
  const updated =
    report.dataUpdatedAt === 0 ? '' : zonedTime(new Date(report.dataUpdatedAt).toISOString(), i18n.language);
  return (
    <Page title={t('page.home')} next={t('home.updated', { when: updated })} actions={filters}>
      <Waits />
      <Loaded of={report}>
        {(data) => <Live report={data} from={from} to={new Date(Math.min(now, to.getTime()))} by={by} />}
      </Loaded>
    </Page>
  );
}

interface LiveProps {
  readonly report: YieldReport;
  readonly from: Date;
  readonly to: Date;
  readonly by: 'hour' | 'day';
}

function Live({ report, from, to, by }: LiveProps) {
  const { t } = useTranslation();
  if (report.cells.length === 0 && report.ends.length === 0) return <Nothing>{t('home.nothing')}</Nothing>;
  return (
    <Box sx={{ display: 'grid', gap: '0.75rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <YieldFigures figures={totalOf(report.cells)} ends={report.ends} />
      <Card title={t(`home.by_${by}`)}>
        <YieldChart bars={barsOf(report.cells, from, to, by)} by={by} />
      </Card>
      <Box
        sx={{
          display: 'grid',
          gap: '0.75rem',
          gridTemplateColumns: 'minmax(0, 3fr) minmax(0, 2fr)',
          alignItems: 'start',
          '@media (max-width: 1000px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
        }}
      >
        <YieldTable rows={rowsOf(report.cells)} />
        <Ends report={report} />
      </Box>
    </Box>
  );
}

/** What waits for somebody, each a link to where it is done. */
function Waits() {
  const { t } = useTranslation();
  const { todos, known } = useTodos();
  if (!known) return null;
  if (todos.length === 0)
    return (
      <Box data-part="todos" sx={{ color: COLORS.quiet }}>
        {t('todo.none')}
      </Box>
    );
  return (
    <Box component="ul" data-part="todos" aria-label={t('todo.title')} sx={TODOS}>
      {todos.map(({ key, count, page, names }) => (
        <li key={key} data-todo={key}>
          <ArrowForward sx={{ fontSize: '1rem' }} />
          <Link href={page}>{t(`todo.${key}`, { count })}</Link>
          <Box component="span" sx={{ color: COLORS.quiet, overflow: 'hidden', textOverflow: 'ellipsis' }}>
            {names.slice(0, 4).join(', ')}
            {names.length > 4 ? ' …' : ''}
          </Box>
        </li>
      ))}
    </Box>
  );
}

const TODOS = {
  listStyle: 'none',
  m: 0,
  p: '0.5rem 0.75rem',
  bgcolor: '#fff',
  borderRadius: '0.5rem',
  borderInlineStart: `4px solid ${COLORS.error}`,
  display: 'grid',
  gridTemplateColumns: 'repeat(auto-fill, minmax(22rem, 1fr))',
  gap: '0.25rem 1rem',
  '& li': { display: 'flex', alignItems: 'center', gap: '0.375rem', minWidth: 0, whiteSpace: 'nowrap' },
  '& a': { fontWeight: 700 },
} as const;

/** Days are local days, from midnight to midnight; roll-ups are kept by the hour, so an end is a whole hour. */
function rangeOf(span: Span, now: number): { from: Date; to: Date; by: 'hour' | 'day' } {
  const today = startOf(new Date(now), 'day');
  const nextHour = new Date(startOf(new Date(now), 'hour').getTime() + 3_600_000);
  if (span === 'today') return { from: today, to: nextHour, by: 'hour' };
  if (span === 'yesterday') {
    const from = startOf(new Date(today.getTime() - DAY_MS / 2), 'day');
    return { from, to: today, by: 'hour' };
  }
  return { from: startOf(new Date(today.getTime() - 6 * DAY_MS + DAY_MS / 2), 'day'), to: nextHour, by: 'day' };
}
