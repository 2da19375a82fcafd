import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlantPool } from '#shared/contract/plant/web-messages.ts';
import { Ask } from '../../parts/plant/Ask.tsx';
import { Choice } from '../../parts/plant/Choice.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { PoolReport } from '../../parts/plant/PoolReport.tsx';
import { useAct, useAsk, useMay } from '../../parts/plant/plant-context.ts';
import { count } from '../../parts/plant/plant-format.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { Moment, Tag } from '../../parts/plant/words.tsx';
import { numberOf, poolGiven, type PoolForm } from '../../stores/plant-pool-form.ts';
import { runsOut } from '../../stores/plant-needs.ts';

/** Serials and MAC addresses, leased to stations in blocks so that they can work alone. */
export function PoolsPage() {
  const { t } = useTranslation();
  const mayCreate = useMay('pool.create');
  const asked = useAsk('pool.list');
  const [creating, setCreating] = useState(false);
  const low = (asked.data ?? []).filter(runsOut).map(({ id }) => id);
  return (
    <Page
      title={t('page.pools')}
      next={low.length > 0 ? t('pools.next_low', { pools: low.join(', ') }) : t('pools.next')}
      actions={
        mayCreate && (
          <Button variant="contained" color="primary" onClick={() => setCreating(true)}>
            {t('pools.create')}
          </Button>
        )
      }
    >
      <Loaded of={asked}>
        {(pools) =>
          pools.length === 0 ? (
            <Nothing>{t('pools.nothing')}</Nothing>
          ) : (
            <Box sx={{ display: 'grid', gap: '1rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
              {pools.map((pool) => (
                <Pool key={pool.id} pool={pool} />
              ))}
            </Box>
          )
        }
      </Loaded>
      {creating && <CreatePool onClose={() => setCreating(false)} />}
    </Page>
  );
}

function Pool({ pool }: { readonly pool: PlantPool }) {
  const { t, i18n } = useTranslation();
  const [reporting, setReporting] = useState(false);
  const number = (value: number): string => count(value, i18n.language);
  const all = pool.last - pool.first + 1;
  return (
    <Box
      component="section"
      data-pool={pool.id}
      sx={{ display: 'grid', gap: '0.375rem', gridTemplateColumns: 'minmax(0, 1fr)' }}
    >
      <Box sx={{ display: 'flex', gap: '1rem', alignItems: 'baseline', flexWrap: 'wrap' }}>
        <h2>{pool.id}</h2>
        <span>
          {t(`pools.kind_${pool.kind}`)} · {pool.product ?? t('pools.every_product')}
        </span>
        <code>
          {numberOf(pool, pool.first)} – {numberOf(pool, pool.last)}
        </code>
        <span>{t('pools.left', { left: number(pool.left), all: number(all), block: number(pool.block) })}</span>
        {runsOut(pool) && <Tag tone="alarm">{t('pools.low')}</Tag>}
        <Button aria-expanded={reporting} onClick={() => setReporting(!reporting)}>
          {t('pools.report')}
        </Button>
      </Box>
      {reporting && <PoolReport pool={pool} />}
      {pool.leases.length === 0 ? <Nothing>{t('pools.no_leases')}</Nothing> : <Leases pool={pool} />}
    </Box>
  );
}

function Leases({ pool }: { readonly pool: PlantPool }) {
  const { t, i18n } = useTranslation();
  const number = (value: number): string => count(value, i18n.language);
  return (
    <Table
      name={t('pools.leases', { pool: pool.id })}
      rows={pool.leases}
      keyOf={({ lease }) => lease}
      faded={({ over }) => over}
      columns={[
        { key: 'station', head: t('word.station'), render: ({ station }) => station },
        {
          key: 'block',
          head: t('pools.block'),
          render: ({ first, last }) => (
            <code>
              {numberOf(pool, first)} – {numberOf(pool, last)}
            </code>
          ),
        },
        { key: 'used', head: t('pools.used'), number: true, render: ({ first, next }) => number(next - first) },
        {
          key: 'unused',
          head: t('pools.unused'),
          number: true,
          render: ({ next, last, over }) => (over ? '–' : number(last - next + 1)),
        },
        {
          key: 'voids',
          head: t('pools.voids'),
          number: true,
          render: ({ next, last, over }) => (over ? number(last - next + 1) : '–'),
        },
        {
          key: 'until',
          head: t('pools.until'),
          render: ({ until, over }) => (over ? <Tag tone="rest">{t('pools.over')}</Tag> : <Moment at={until} />),
        },
      ]}
    />
  );
}

const EMPTY: PoolForm = {
  id: '',
  kind: 'serial',
  product: '',
  prefix: '',
  digits: '6',
  first: '',
  last: '',
  block: '100',
};

function CreatePool({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('pool.create', ['pool.list']);
  const [form, setForm] = useState(EMPTY);
  const given = poolGiven(form);
  const field = (key: Exclude<keyof PoolForm, 'kind'>, label: string, help?: string) => (
    <TextField
      label={label}
      helperText={help}
      value={form[key]}
      onChange={(event) => setForm({ ...form, [key]: event.target.value })}
    />
  );
  return (
    <Ask title={t('pools.create')} confirm={t('pools.create_confirm')} act={act} given={given} onClose={onClose}>
      {field('id', t('pools.name'))}
      <Choice
        label={t('pools.kind')}
        value={form.kind}
        options={[
          ['serial', t('pools.kind_serial')],
          ['mac', t('pools.kind_mac')],
        ]}
        onChange={(kind) => setForm({ ...form, kind: kind === 'mac' ? 'mac' : 'serial' })}
      />
      {field('product', t('word.product'), t('pools.product_help'))}
      {form.kind === 'serial' && (
        <Box sx={{ display: 'flex', gap: '0.5rem' }}>
          {field('prefix', t('pools.prefix'))}
          {field('digits', t('pools.digits'))}
        </Box>
      )}
      <Box sx={{ display: 'flex', gap: '0.5rem' }}>
        {field('first', t('pools.first'), form.kind === 'mac' ? '02:00:5e:00:00:00' : undefined)}
        {field('last', t('pools.last'))}
        {field('block', t('pools.block_size'))}
      </Box>
      {given !== null && (
        <div role="status">
          {t('pools.example', {
            first: numberOf(given.body, given.body.first),
            last: numberOf(given.body, given.body.last),
          })}
        </div>
      )}
    </Ask>
  );
}
