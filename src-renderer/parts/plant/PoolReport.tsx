import Box from '@mui/material/Box';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { countByState, joinRanges, NumberState, type PoolRange } from '#shared/contract/plant/pool-report.ts';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { numberOf } from '../../stores/plant-pool-form.ts';
import { Choice } from './Choice.tsx';
import { Loaded, Nothing } from './Loaded.tsx';
import { More } from './More.tsx';
import { count } from './plant-format.ts';
import { Table } from './Table.tsx';
import { useAskPages } from './use-ask-pages.ts';
import { Tag } from './words.tsx';

const ALL = 'all';

/** What became of a pool's numbers at all stations, in ranges from the first on. */
export function PoolReport({ pool }: { readonly pool: PlantPool }) {
  const { t } = useTranslation();
  const asked = useAskPages('pool.report', { params: { id: pool.id } });
  const [state, setState] = useState<string>(ALL);
  const states = NumberState.options.map((each) => [each, t(`pools.state_${each}`)] as const);
  const options = [[ALL, t('pools.every_state')] as const, ...states];
  return (
    <Loaded of={asked}>
      {({ pages }) => {
        const ranges = joinRanges(pages);
        const shown = ranges.filter((range) => state === ALL || range.state === state);
        return (
          <Box sx={{ display: 'grid', gap: '0.5rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
            <Totals ranges={ranges} partial={asked.hasNextPage} />
            <Choice label={t('pools.state')} value={state} options={options} onChange={setState} width="16rem" />
            {shown.length === 0 ? <Nothing>{t('pools.no_ranges')}</Nothing> : <Ranges pool={pool} ranges={shown} />}
            <More of={asked} />
          </Box>
        );
      }}
    </Loaded>
  );
}

/** Of what is loaded so far. */
function Totals({ ranges, partial }: { readonly ranges: readonly PoolRange[]; readonly partial: boolean }) {
  const { t, i18n } = useTranslation();
  const counts = countByState(ranges);
  const words = NumberState.options.flatMap((state) => {
    const all = counts[state];
    return all === undefined ? [] : [`${t(`pools.state_${state}`)}: ${count(all, i18n.language)}`];
  });
  return <span data-totals>{[...words, ...(partial ? [t('pools.so_far')] : [])].join(' · ')}</span>;
}

function Ranges({ pool, ranges }: { readonly pool: PlantPool; readonly ranges: readonly PoolRange[] }) {
  const { t, i18n } = useTranslation();
  return (
    <Table
      name={t('pools.report_of', { pool: pool.id })}
      rows={ranges}
      keyOf={({ first }) => first}
      columns={[
        {
          key: 'state',
          head: t('pools.state'),
          render: ({ state }) =>
            state === 'void' ? <Tag tone="alarm">{t('pools.state_void')}</Tag> : t(`pools.state_${state}`),
        },
        {
          key: 'numbers',
          head: t('pools.numbers'),
          render: ({ first, last }) => (
            <code>
              {numberOf(pool, first)}
              {last > first && ` – ${numberOf(pool, last)}`}
            </code>
          ),
        },
        {
          key: 'count',
          head: t('pools.count'),
          number: true,
          render: ({ first, last }) => count(last - first + 1, i18n.language),
        },
        { key: 'station', head: t('word.station'), render: ({ station }) => station ?? '–' },
      ]}
    />
  );
}
