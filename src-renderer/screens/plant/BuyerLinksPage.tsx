import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { BuyerLink } from '#shared/contract/plant/web-messages.ts';
import type { Answer } from '../../client/plant-client.ts';
import { Ask, Tell } from '../../parts/plant/Ask.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAct, useAsk } from '../../parts/plant/plant-context.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { useNow } from '../../parts/plant/use-now.ts';
import { Moment, Secret, Tag } from '../../parts/plant/words.tsx';

/** Links for buyers, who trace their units without an account. */
export function BuyerLinksPage() {
  const { t } = useTranslation();
  const asked = useAsk('buyer-link.list');
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<BuyerLink | null>(null);
  return (
    <Page
      title={t('page.buyers')}
      next={t('buyers.next')}
      actions={
        <Button variant="contained" color="primary" onClick={() => setCreating(true)}>
          {t('buyers.create')}
        </Button>
      }
    >
      <Loaded of={asked}>
        {(links) =>
          links.length === 0 ? <Nothing>{t('buyers.nothing')}</Nothing> : <Links links={links} onRevoke={setRevoking} />
        }
      </Loaded>
      {creating && <CreateLink onClose={() => setCreating(false)} />}
      {revoking !== null && <RevokeLink link={revoking} onClose={() => setRevoking(null)} />}
    </Page>
  );
}

interface LinksProps {
  readonly links: readonly BuyerLink[];
  readonly onRevoke: (link: BuyerLink) => void;
}

function Links({ links, onRevoke }: LinksProps) {
  const { t } = useTranslation();
  const now = useNow(60_000);
  const isOver = ({ until, revokedAt }: BuyerLink): boolean => revokedAt !== null || Date.parse(until) <= now;
  return (
    <Table
      name={t('page.buyers')}
      rows={links}
      keyOf={({ id }) => id}
      faded={isOver}
      columns={[
        { key: 'note', head: t('buyers.note'), render: ({ note }) => <b>{note}</b> },
        { key: 'products', head: t('users.products'), render: ({ products }) => products.join(', ') },
        {
          key: 'created',
          head: t('orders.created'),
          render: ({ createdBy, createdAt }) => (
            <>
              {createdBy} <Moment at={createdAt} />
            </>
          ),
        },
        { key: 'until', head: t('buyers.until'), render: ({ until }) => <Moment at={until} /> },
        {
          key: 'act',
          head: t('common.act'),
          render: (link) =>
            isOver(link) ? (
              <Tag tone="rest">{t('buyers.over')}</Tag>
            ) : (
              <Button onClick={() => onRevoke(link)}>{t('buyers.revoke')}</Button>
            ),
        },
      ]}
    />
  );
}

function CreateLink({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('buyer-link.create', ['buyer-link.list']);
  const [note, setNote] = useState('');
  const [products, setProducts] = useState('');
  const [days, setDays] = useState('365');
  const [created, setCreated] = useState<Answer<'buyer-link.create'> | null>(null);
  const list = products
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const isGood =
    note.trim() !== '' && list.length > 0 && /^\d+$/.test(days) && Number(days) >= 1 && Number(days) <= 3650;
  const given = isGood ? { body: { note: note.trim(), products: list, days: Number(days) } } : null;
  if (created !== null)
    return (
      <Tell title={t('buyers.link_title', { note: created.link.note })} onClose={onClose}>
        <div>{t('buyers.link_means')}</div>
        <Secret value={new URL(created.path, location.origin).href} label={t('buyers.link')} />
      </Tell>
    );
  return (
    <Ask
      title={t('buyers.create')}
      confirm={t('buyers.create_confirm')}
      act={act}
      given={given}
      onClose={onClose}
      onDone={setCreated}
    >
      <TextField
        autoFocus
        label={t('buyers.note')}
        helperText={t('buyers.note_help')}
        value={note}
        onChange={(event) => setNote(event.target.value)}
        slotProps={{ htmlInput: { maxLength: 128 } }}
      />
      <TextField
        label={t('users.products')}
        helperText={t('buyers.products_help')}
        value={products}
        onChange={(event) => setProducts(event.target.value)}
      />
      <TextField
        type="number"
        label={t('buyers.days')}
        value={days}
        onChange={(event) => setDays(event.target.value)}
        slotProps={{ htmlInput: { min: 1, max: 3650, step: 1 } }}
      />
    </Ask>
  );
}

function RevokeLink({ link, onClose }: { readonly link: BuyerLink; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('buyer-link.revoke', ['buyer-link.list']);
  return (
    <Ask
      title={t('buyers.revoke_title', { note: link.note })}
      confirm={t('buyers.revoke')}
      grave
      act={act}
      given={{ params: { id: link.id } }}
      onClose={onClose}
    >
      <div>{t('buyers.revoke_means')}</div>
    </Ask>
  );
}
