import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SyncState } from '#shared/contract/sync.ts';
import type { Failure } from '#shared/model/failure.ts';
import { FrameButtons } from '../parts/FrameButtons.tsx';
import { dateTime, readableParams, seconds } from '../parts/format.ts';
import { OrderChoice } from '../parts/OrderChoice.tsx';
import { SidePage } from '../parts/SidePage.tsx';
import { useActions, usePage, useStation } from '../parts/station-context.ts';
import { COLORS, MONO, TOUCH } from '../parts/theme.ts';

/** How the station stands with its plant, and how it is bound to one. */
export function PlantScreen() {
  const { t } = useTranslation();
  const actions = useActions();
  const connection = useStation((state) => state.connection);
  const sync = useStation((state) => state.sync);
  const station = useStation((state) => state.station);
  const [, open] = usePage();
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Failure | null>(null);
  useEscape(() => open('operator'));

  const during = async (work: () => Promise<Failure | null>): Promise<void> => {
    setBusy(true);
    setRefused(null);
    setRefused(await work());
    setBusy(false);
  };
  const enrolled = sync !== null && sync.plant !== null;
  return (
    <SidePage
      name="plant"
      title={t('page.plant')}
      sentence={connection === 'open' ? t(enrolled ? 'plant.enrolled' : 'plant.enrol') : t('action.lost')}
      tools={
        enrolled && (
          <Button
            data-part="sync-now"
            variant="contained"
            disabled={busy}
            onClick={() => void during(() => actions.syncNow())}
          >
            {t(busy ? 'plant.busy' : 'plant.now')}
          </Button>
        )
      }
    >
      <Box sx={{ minHeight: 0, display: 'grid', gap: '0.625rem', gridTemplateRows: 'minmax(0, 1fr) auto' }}>
        <Box sx={{ minHeight: 0, overflow: 'auto', bgcolor: COLORS.tile, borderRadius: '0.75rem', p: '1rem 1.25rem' }}>
          {refused !== null && <Refused failure={refused} />}
          {sync !== null && enrolled && <Facts sync={sync} />}
          {station !== null && enrolled && <OrderChoice station={station} />}
          {sync !== null && !enrolled && (
            <EnrolForm busy={busy} onEnrol={(url, code) => void during(() => actions.enrol(url, code))} />
          )}
        </Box>
        <FrameButtons here="plant" />
      </Box>
    </SidePage>
  );
}

function useEscape(back: () => void): void {
  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') back();
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  });
}

function Refused({ failure }: { readonly failure: Failure }) {
  const { t, i18n } = useTranslation();
  const params = { ns: 'failures', ...readableParams(failure, i18n.language) };
  return (
    <Box
      role="alert"
      sx={{
        mb: '0.75rem',
        p: '0.75rem',
        borderRadius: '0.5rem',
        bgcolor: COLORS.error,
        color: '#000',
        lineHeight: 1.3,
      }}
    >
      <Box sx={{ fontSize: '1.25rem', fontWeight: 700 }}>{t(`${failure.code}.sentence`, params)}</Box>
      <Box sx={{ fontSize: '1.0625rem' }}>{t(`${failure.code}.remedy`, params)}</Box>
    </Box>
  );
}

function Facts({ sync }: { readonly sync: SyncState }) {
  const { t, i18n } = useTranslation();
  const when = (iso: string | null): string => (iso === null ? t('log.none') : dateTime(iso, i18n.language));
  const facts: readonly (readonly [string, string])[] = [
    [t('plant.name'), `${sync.plant?.name ?? ''} (${sync.plant?.url ?? ''})`],
    [t('plant.station'), sync.station ?? ''],
    [
      t('plant.pending'),
      sync.pending === 0 ? '0' : t('plant.pending_since', { count: sync.pending, since: when(sync.oldestAt) }),
    ],
    [t('plant.contact'), when(sync.lastContactAt)],
    [t('plant.lease'), when(sync.leaseUntil)],
    [t('plant.next'), when(sync.nextTryAt)],
    [
      t('plant.skew'),
      sync.skewMs === null ? t('log.none') : t('slot.seconds', { seconds: seconds(sync.skewMs, i18n.language) }),
    ],
    ...sync.numbers.map(
      ({ pool, left, until }) => [pool, t('plant.numbers', { count: left, until: when(until) })] as const,
    ),
  ];
  return (
    <>
      {sync.failure !== null && <Refused failure={sync.failure} />}
      <Box component="dl" sx={{ m: 0, display: 'grid', gridTemplateColumns: '18rem 1fr', rowGap: '0.375rem' }}>
        {facts.map(([name, value]) => (
          <Box key={name} sx={{ display: 'contents', fontSize: '1.125rem' }}>
            <Box component="dt" sx={{ color: COLORS.quiet }}>
              {name}
            </Box>
            <Box component="dd" sx={{ m: 0, fontWeight: 700, overflowWrap: 'anywhere' }}>
              {value}
            </Box>
          </Box>
        ))}
      </Box>
    </>
  );
}

interface EnrolFormProps {
  readonly busy: boolean;
  readonly onEnrol: (url: string, code: string) => void;
}

function EnrolForm({ busy, onEnrol }: EnrolFormProps) {
  const { t } = useTranslation();
  const [url, setUrl] = useState('');
  const [code, setCode] = useState('');
  return (
    <Box
      component="form"
      onSubmit={(event: { preventDefault(): void }) => {
        event.preventDefault();
        onEnrol(url.trim(), code.trim());
      }}
      sx={{ display: 'flex', flexDirection: 'column', gap: '0.75rem', maxWidth: '52rem' }}
    >
      <Box component="ol" sx={{ m: 0, pl: '1.5rem', fontSize: '1.125rem', lineHeight: 1.5 }}>
        <li>{t('plant.step_code')}</li>
        <li>{t('plant.step_type')}</li>
      </Box>
      <Field label={t('plant.url')} example="https://plant.example:8443" value={url} onChange={setUrl} />
      <Field label={t('plant.code')} example="FL1-…" value={code} onChange={setCode} />
      <Button
        type="submit"
        variant="contained"
        disabled={busy || url === '' || code === ''}
        sx={{ alignSelf: 'start' }}
      >
        {t(busy ? 'plant.busy' : 'plant.bind')}
      </Button>
    </Box>
  );
}

interface FieldProps {
  readonly label: string;
  readonly example: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

function Field({ label, example, value, onChange }: FieldProps) {
  return (
    <Box component="label" sx={{ display: 'block', fontSize: '1.0625rem' }}>
      {label}
      <Box
        component="input"
        type="text"
        autoComplete="off"
        spellCheck={false}
        maxLength={512}
        placeholder={example}
        value={value}
        onChange={(event: { target: { value: string } }) => onChange(event.target.value)}
        sx={{
          display: 'block',
          width: '100%',
          boxSizing: 'border-box',
          height: TOUCH,
          px: '0.75rem',
          border: `2px solid ${COLORS.quiet}`,
          borderRadius: '0.5rem',
          fontFamily: MONO,
          fontSize: '1.25rem',
        }}
      />
    </Box>
  );
}
