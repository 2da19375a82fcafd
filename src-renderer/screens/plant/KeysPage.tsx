import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SigningKey } from '#shared/contract/plant/signing-api.ts';
import { ChangeKey, SwitchKey } from '../../parts/plant/KeyQuestions.tsx';
import { KeySignatures } from '../../parts/plant/KeySignatures.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAsk, useMay } from '../../parts/plant/plant-context.ts';
import { count } from '../../parts/plant/plant-format.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { useNow } from '../../parts/plant/use-now.ts';
import { Hash, Moment, Tag } from '../../parts/plant/words.tsx';
import { keyState } from '../../stores/plant-key-form.ts';

/** What the plant signs with: where each key is, what it may sign, and what it signed. No page shows a key itself. */
export function KeysPage() {
  const { t } = useTranslation();
  const mayChange = useMay('key.policy');
  const asked = useAsk('key.list');
  const [shown, setShown] = useState<string | null>(null);
  const [asking, setAsking] = useState<{ readonly what: 'change' | 'switch'; readonly key: SigningKey } | null>(null);
  const trying = (asked.data ?? []).filter(({ store, policy }) => store === 'development' && policy.enabled);
  const close = () => setAsking(null);
  return (
    <Page
      title={t('page.keys')}
      next={
        trying.length > 0
          ? t('keys.next_development', { keys: trying.map(({ name }) => name).join(', ') })
          : t('keys.next')
      }
    >
      <Loaded of={asked}>
        {(keys) =>
          keys.length === 0 ? (
            <Nothing>{t('keys.nothing')}</Nothing>
          ) : (
            <Keys
              keys={keys}
              onShow={(key) => setShown(key.name === shown ? null : key.name)}
              onAsk={mayChange ? (what, key) => setAsking({ what, key }) : null}
            />
          )
        }
      </Loaded>
      {shown !== null && <KeySignatures name={shown} />}
      {asking?.what === 'change' && <ChangeKey of={asking.key} onClose={close} />}
      {asking?.what === 'switch' && <SwitchKey of={asking.key} onClose={close} />}
    </Page>
  );
}

interface KeysProps {
  readonly keys: readonly SigningKey[];
  readonly onShow: (key: SigningKey) => void;
  readonly onAsk: ((what: 'change' | 'switch', key: SigningKey) => void) | null;
}

function Keys({ keys, onShow, onAsk }: KeysProps) {
  const { t, i18n } = useTranslation();
  const now = useNow(60_000);
  return (
    <Table
      name={t('page.keys')}
      rows={keys}
      keyOf={({ name }) => name}
      faded={(key) => keyState(key, now) !== 'on'}
      columns={[
        {
          key: 'name',
          head: t('keys.name'),
          render: ({ name, kind, use, keyId }) => (
            <>
              <b>{name}</b> · {kind} · {t(`keys.use_${use}`)}
              <br />
              <Hash value={keyId} />
            </>
          ),
        },
        {
          key: 'store',
          head: t('keys.store'),
          render: ({ store }) => <Tag tone={store === 'hsm' ? 'good' : 'alarm'}>{t(`keys.store_${store}`)}</Tag>,
        },
        { key: 'policy', head: t('keys.policy'), render: (key) => <Policy of={key} /> },
        {
          key: 'signed',
          head: t('keys.signed'),
          number: true,
          render: ({ signed, policy: { quantity } }) =>
            quantity === null
              ? count(signed, i18n.language)
              : t('keys.signed_of', { signed: count(signed, i18n.language), all: count(quantity, i18n.language) }),
        },
        {
          key: 'state',
          head: t('keys.state'),
          render: (key) => {
            const state = keyState(key, now);
            return <Tag tone={state === 'on' ? 'good' : 'rest'}>{t(`keys.state_${state}`)}</Tag>;
          },
        },
        {
          key: 'act',
          head: t('common.act'),
          render: (key) => (
            <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: '0.375rem' }}>
              <Button onClick={() => onShow(key)}>{t('keys.signatures')}</Button>
              {onAsk !== null && <Button onClick={() => onAsk('change', key)}>{t('keys.change')}</Button>}
              {onAsk !== null && (
                <Button onClick={() => onAsk('switch', key)}>
                  {t(key.policy.enabled ? 'keys.switch_off' : 'keys.switch_on')}
                </Button>
              )}
            </Box>
          ),
        },
      ]}
    />
  );
}

function Policy({ of: { policy } }: { readonly of: SigningKey }) {
  const { t, i18n } = useTranslation();
  const { products, stations, releases, perMinute, until } = policy;
  return (
    <>
      {products === null ? t('keys.any_product') : products.join(', ')} ·{' '}
      {stations === null ? t('keys.any_station') : stations.join(', ')} ·{' '}
      {releases === null ? t('keys.published') : t('keys.releases', { count: releases.length })}
      {perMinute !== null && ` · ${t('keys.rate', { rate: count(perMinute, i18n.language) })}`}
      {until !== null && (
        <>
          <br />
          {t('keys.until')} <Moment at={until} />
        </>
      )}
    </>
  );
}
