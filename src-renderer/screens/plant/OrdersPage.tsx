import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Name } from '#shared/contract/plant/common.ts';
import type { PlantOrder } from '#shared/contract/plant/web-messages.ts';
import { Ask } from '../../parts/plant/Ask.tsx';
import { Choice } from '../../parts/plant/Choice.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAct, useAsk, useMay } from '../../parts/plant/plant-context.ts';
import { count } from '../../parts/plant/plant-format.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { Hash, Moment, Tag } from '../../parts/plant/words.tsx';
import { COLORS } from '../../parts/theme.ts';
import { isFulfilled } from '../../stores/plant-needs.ts';

/** Work orders: what is to be made, and how far it is. */
export function OrdersPage() {
  const { t } = useTranslation();
  const mayCreate = useMay('order.create');
  const asked = useAsk('order.list', undefined, { every: 10_000 });
  const [creating, setCreating] = useState(false);
  const [closing, setClosing] = useState<PlantOrder | null>(null);
  const fulfilled = (asked.data ?? []).filter(isFulfilled).length;
  return (
    <Page
      title={t('page.orders')}
      next={fulfilled > 0 ? t('orders.next_close', { count: fulfilled }) : t('orders.next')}
      actions={
        mayCreate && (
          <Button variant="contained" color="primary" onClick={() => setCreating(true)}>
            {t('orders.create')}
          </Button>
        )
      }
    >
      <Loaded of={asked}>
        {(orders) =>
          orders.length === 0 ? (
            <Nothing>{t('orders.nothing')}</Nothing>
          ) : (
            <Orders orders={orders} onClose={mayCreate ? setClosing : null} />
          )
        }
      </Loaded>
      {creating && <CreateOrder onClose={() => setCreating(false)} />}
      {closing !== null && <CloseOrder order={closing} onClose={() => setClosing(null)} />}
    </Page>
  );
}

interface OrdersProps {
  readonly orders: readonly PlantOrder[];
  readonly onClose: ((order: PlantOrder) => void) | null;
}

function Orders({ orders, onClose }: OrdersProps) {
  const { t } = useTranslation();
  return (
    <Table
      name={t('page.orders')}
      rows={orders}
      keyOf={({ id }) => id}
      faded={({ state }) => state === 'closed'}
      columns={[
        { key: 'id', head: t('word.order'), render: ({ id }) => <b>{id}</b> },
        { key: 'product', head: t('word.product'), render: ({ product }) => product },
        { key: 'release', head: t('word.release'), render: ({ release }) => <Release digest={release} /> },
        { key: 'progress', head: t('orders.progress'), render: (order) => <Progress order={order} /> },
        {
          key: 'created',
          head: t('orders.created'),
          render: ({ createdBy, createdAt }) => (
            <>
              {createdBy} <Moment at={createdAt} />
            </>
          ),
        },
        {
          key: 'act',
          head: t('common.act'),
          render: (order) =>
            order.state === 'closed' ? (
              <Tag tone="rest">{t('orders.closed')}</Tag>
            ) : (
              onClose !== null && (
                <Button variant={isFulfilled(order) ? 'contained' : 'outlined'} onClick={() => onClose(order)}>
                  {t('orders.close')}
                </Button>
              )
            ),
        },
      ]}
    />
  );
}

/** By its version, which people know; a release that is not listed any more has its digest alone. */
function Release({ digest }: { readonly digest: string }) {
  const releases = useAsk('release.list');
  const known = releases.data?.find((release) => release.digest === digest);
  return (
    <>
      {known && <b>{known.version} </b>}
      <Hash value={digest} />
    </>
  );
}

function Progress({ order: { passed, attempted, quantity } }: { readonly order: PlantOrder }) {
  const { t, i18n } = useTranslation();
  const share = Math.min(1, passed / quantity);
  const number = (value: number): string => count(value, i18n.language);
  return (
    <Box sx={{ minWidth: '12rem' }}>
      <Box>
        {t('orders.passed', { passed: number(passed), quantity: number(quantity) })}
        {attempted > passed && ` · ${t('orders.not_passed', { count: attempted - passed })}`}
      </Box>
      <Box
        role="progressbar"
        aria-valuemin={0}
        aria-valuemax={quantity}
        aria-valuenow={Math.min(passed, quantity)}
        aria-label={t('orders.progress')}
        sx={{ height: '0.5rem', bgcolor: COLORS.line, borderRadius: '0.25rem', overflow: 'hidden' }}
      >
        <Box sx={{ height: '100%', bgcolor: COLORS.work }} style={{ width: `${share * 100}%` }} />
      </Box>
    </Box>
  );
}

function CreateOrder({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('order.create', ['order.list']);
  const releases = useAsk('release.list');
  const published = (releases.data ?? []).filter(({ state }) => state === 'published');
  const [id, setId] = useState('');
  const [release, setRelease] = useState('');
  const [quantity, setQuantity] = useState('');
  const wanted = Number(quantity);
  const chosen = release === '' ? (published[0]?.digest ?? '') : release;
  const isGood = Name.safeParse(id.trim()).success && Number.isInteger(wanted) && wanted > 0 && chosen !== '';
  const given = isGood ? { body: { id: id.trim(), release: chosen, quantity: wanted } } : null;
  return (
    <Ask title={t('orders.create')} confirm={t('orders.create_confirm')} act={act} given={given} onClose={onClose}>
      <TextField autoFocus label={t('word.order')} value={id} onChange={(event) => setId(event.target.value)} />
      <Loaded of={releases}>
        {() =>
          published.length === 0 ? (
            <Nothing>{t('orders.no_release')}</Nothing>
          ) : (
            <Choice
              label={t('word.release')}
              value={chosen}
              onChange={setRelease}
              options={published.map(({ digest, product, version, revision }) => [
                digest,
                `${product} ${version} · ${t('product.revision', { revision })}`,
              ])}
            />
          )
        }
      </Loaded>
      <TextField
        type="number"
        label={t('orders.quantity')}
        value={quantity}
        onChange={(event) => setQuantity(event.target.value)}
        slotProps={{ htmlInput: { min: 1, max: 10_000_000, step: 1 } }}
      />
    </Ask>
  );
}

function CloseOrder({ order, onClose }: { readonly order: PlantOrder; readonly onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const act = useAct('order.close', ['order.list']);
  const numbers = { passed: count(order.passed, i18n.language), quantity: count(order.quantity, i18n.language) };
  return (
    <Ask
      title={t('orders.close_title', { id: order.id })}
      confirm={t('orders.close')}
      grave
      act={act}
      given={{ params: { name: order.id } }}
      onClose={onClose}
    >
      <div>{t('orders.close_means', numbers)}</div>
    </Ask>
  );
}
