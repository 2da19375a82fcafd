import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Name } from '#shared/contract/plant/common.ts';
import type { PlantStation } from '#shared/contract/plant/web-messages.ts';
import type { Answer } from '../../client/plant-client.ts';
import { Ask, Tell } from '../../parts/plant/Ask.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAct, useAsk, useMay } from '../../parts/plant/plant-context.ts';
import { count, span } from '../../parts/plant/plant-format.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { useNow } from '../../parts/plant/use-now.ts';
import { Ago, Moment, Secret, Tag } from '../../parts/plant/words.tsx';
import { sortStations, stationNeeds } from '../../stores/plant-needs.ts';

const EVERY_MS = 10_000;

/** How the stations are; those that need a hand first. */
export function StationsPage() {
  const { t } = useTranslation();
  const now = useNow(EVERY_MS);
  const asked = useAsk('station.list', undefined, { every: EVERY_MS });
  const mayInvite = useMay('station.invite');
  const [inviting, setInviting] = useState(false);
  const [revoking, setRevoking] = useState<PlantStation | null>(null);
  const needy = (asked.data ?? []).filter((station) => stationNeeds(station, now).length > 0).length;
  return (
    <Page
      title={t('page.stations')}
      next={needy > 0 ? t('stations.next_needy', { count: needy }) : t('stations.next')}
      actions={
        mayInvite && (
          <Button variant="contained" color="primary" onClick={() => setInviting(true)}>
            {t('stations.invite')}
          </Button>
        )
      }
    >
      <Loaded of={asked}>
        {(stations) =>
          stations.length === 0 ? (
            <Nothing>{t(mayInvite ? 'stations.nothing_invite' : 'stations.nothing')}</Nothing>
          ) : (
            <Stations stations={sortStations(stations, now)} now={now} onRevoke={mayInvite ? setRevoking : null} />
          )
        }
      </Loaded>
      {inviting && <Invite onClose={() => setInviting(false)} />}
      {revoking !== null && <Revoke station={revoking} onClose={() => setRevoking(null)} />}
    </Page>
  );
}

interface StationsProps {
  readonly stations: readonly PlantStation[];
  readonly now: number;
  readonly onRevoke: ((station: PlantStation) => void) | null;
}

function Stations({ stations, now, onRevoke }: StationsProps) {
  const { t, i18n } = useTranslation();
  const { language } = i18n;
  return (
    <Table
      name={t('page.stations')}
      rows={stations}
      keyOf={({ name }) => name}
      faded={({ state }) => state === 'revoked'}
      columns={[
        {
          key: 'name',
          head: t('word.station'),
          render: ({ name, release }) => (
            <>
              <b>{name}</b> {release === null ? null : <code title={release}>{release.slice(0, 8)}</code>}
            </>
          ),
        },
        { key: 'state', head: t('stations.how'), render: (station) => <How station={station} now={now} /> },
        { key: 'seen', head: t('stations.seen'), render: ({ lastSeenAt }) => agoOr(lastSeenAt, now) },
        {
          key: 'outbox',
          head: t('stations.outbox'),
          render: (station) => <Outbox station={station} now={now} />,
        },
        {
          key: 'version',
          head: t('stations.version'),
          render: ({ appVersion }) => <Box sx={{ whiteSpace: 'nowrap' }}>{appVersion ?? '–'}</Box>,
        },
        {
          key: 'skew',
          head: t('stations.skew'),
          number: true,
          render: ({ skewMs }) => (skewMs === null ? '–' : skewWords(skewMs, language)),
        },
        {
          key: 'lease',
          head: t('stations.lease'),
          render: ({ leaseUntil }) => (leaseUntil === null ? '–' : <Moment at={leaseUntil} />),
        },
        {
          key: 'records',
          head: t('stations.records'),
          number: true,
          render: ({ records }) => count(records, language),
        },
        ...(onRevoke === null
          ? []
          : [
              {
                key: 'act',
                head: t('common.act'),
                render: (station: PlantStation) =>
                  station.state !== 'revoked' && (
                    <Button onClick={() => onRevoke(station)}>{t('stations.revoke')}</Button>
                  ),
              },
            ]),
      ]}
    />
  );
}

/** How many records wait there, and since when. */
function Outbox({ station: { pending, oldestAt }, now }: { readonly station: PlantStation; readonly now: number }) {
  const { t, i18n } = useTranslation();
  if (pending === null) return '–';
  const oldest = oldestAt === null ? null : span(now - Date.parse(oldestAt), i18n.language);
  return (
    <>
      {t('stations.pending', { count: pending, formatted: count(pending, i18n.language) })}
      {oldest !== null && ` · ${t('stations.oldest', { span: oldest })}`}
    </>
  );
}

function agoOr(at: string | null, now: number) {
  return at === null ? '–' : <Ago at={at} now={now} />;
}

/** Signed: plus is ahead of the plant. */
function skewWords(ms: number, language: string): string {
  const seconds = ms / 1000;
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit: 'second',
    unitDisplay: 'short',
    signDisplay: 'exceptZero',
    maximumFractionDigits: Math.abs(seconds) < 10 ? 1 : 0,
  }).format(seconds);
}

/** What it needs, and what to do about it. */
function How({ station, now }: { readonly station: PlantStation; readonly now: number }) {
  const { t } = useTranslation();
  if (station.state === 'revoked') return <Tag tone="rest">{t('stations.revoked')}</Tag>;
  const needs = stationNeeds(station, now);
  if (needs.length === 0) return <Tag tone="rest">{t('stations.well')}</Tag>;
  return needs.map((need) => (
    <div key={need} data-need={need}>
      <Tag tone={need === 'never' ? 'note' : 'alarm'}>{t(`stations.need_${need}`)}</Tag> {t(`stations.do_${need}`)}
    </div>
  ));
}

function Invite({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('station.invite', ['station.list']);
  const [name, setName] = useState('');
  const [invited, setInvited] = useState<Answer<'station.invite'> | null>(null);
  const given = Name.safeParse(name.trim()).success ? { body: { name: name.trim() } } : null;
  if (invited !== null)
    return (
      <Tell title={t('stations.code_title', { name: invited.station })} onClose={onClose}>
        <div>{t('stations.code_means')}</div>
        <Secret value={invited.code} label={t('stations.code')} />
        <div>
          {t('stations.code_until')} <Moment at={invited.until} />
        </div>
      </Tell>
    );
  return (
    <Ask
      title={t('stations.invite')}
      confirm={t('stations.invite_confirm')}
      act={act}
      given={given}
      onClose={onClose}
      onDone={setInvited}
    >
      <div>{t('stations.invite_means')}</div>
      <TextField autoFocus label={t('stations.name')} value={name} onChange={(event) => setName(event.target.value)} />
    </Ask>
  );
}

function Revoke({ station, onClose }: { readonly station: PlantStation; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('station.revoke', ['station.list']);
  return (
    <Ask
      title={t('stations.revoke_title', { name: station.name })}
      confirm={t('stations.revoke')}
      grave
      act={act}
      given={{ params: { name: station.name } }}
      onClose={onClose}
    >
      <div>{t('stations.revoke_means')}</div>
      {(station.pending ?? 0) > 0 && <b>{t('stations.revoke_pending', { count: station.pending ?? 0 })}</b>}
    </Ask>
  );
}
