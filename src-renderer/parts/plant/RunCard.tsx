import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { hexAddress } from '#shared/base/bytes.ts';
import type { TracedRun } from '#shared/contract/plant/web-messages.ts';
import {
  DEFAULT_PROCESS,
  type ImageRecord,
  type Measurement,
  type UnitDataNote,
  type UnitSignature,
} from '#shared/model/unit-record.ts';
import { COLORS } from '../theme.ts';
import { seconds } from '../format.ts';
import { count, runFailureWords, utcTime } from './plant-format.ts';
import { Table } from './Table.tsx';
import { Facts, Moment, Tag, VerdictWord } from './words.tsx';

interface RunCardProps {
  readonly run: TracedRun;
  readonly open: boolean;
}

/** One attempt at the unit: a line, and all of it when opened. */
export function RunCard({ run, open }: RunCardProps) {
  const { t } = useTranslation();
  const { record } = run;
  return (
    <Box component="details" open={open} data-run={record.run} sx={CARD}>
      <summary>
        <VerdictWord verdict={record.verdict} />
        <Moment at={record.finishedAt} />
        <span>
          {t('word.station')} <b>{record.station}</b>
        </span>
        <span>
          {t('word.operator')} <b>{record.operator}</b>
        </span>
        <span>{record.process ?? DEFAULT_PROCESS}</span>
        {record.rework && <Tag tone="note">{t('slot.rework')}</Tag>}
      </summary>
      <Box sx={{ display: 'grid', gap: '0.75rem', mt: '0.5rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
        <RunFailure run={run} />
        <Images images={record.images} />
        {(record.measurements ?? []).length > 0 && <Measurements measurements={record.measurements ?? []} />}
        <RunFacts run={run} />
      </Box>
    </Box>
  );
}

function RunFailure({ run: { record } }: { readonly run: TracedRun }) {
  const { t, i18n } = useTranslation();
  if (record.failure === null) return null;
  const { sentence, remedy } = runFailureWords(record.failure, t, i18n.language);
  return (
    <Box data-part="run-failure" sx={{ overflowWrap: 'anywhere' }}>
      {sentence} <b>{remedy}</b>{' '}
      <Box component="span" sx={{ color: COLORS.quiet }}>
        {record.failure.code}
        {record.failure.where.address === undefined ? '' : ` · ${hexAddress(record.failure.where.address)}`}
      </Box>
    </Box>
  );
}

function Images({ images }: { readonly images: readonly ImageRecord[] }) {
  const { t, i18n } = useTranslation();
  return (
    <Table
      name={t('run.images')}
      rows={images}
      keyOf={({ role }) => role}
      columns={[
        { key: 'role', head: t('run.image'), render: ({ role }) => t(`product.role_${role}`) },
        { key: 'version', head: t('word.version'), render: ({ version }) => <b>{version}</b> },
        { key: 'size', head: t('run.bytes'), number: true, render: ({ size }) => count(size, i18n.language) },
        {
          key: 'hashes',
          head: t('run.hashes'),
          render: ({ sha256, provenBy }) => (
            <>
              <code>{sha256.expected}</code>
              <br />
              <ReadBack expected={sha256.expected} readBack={sha256.readBack} provenBy={provenBy} />
            </>
          ),
        },
      ]}
    />
  );
}

interface ReadBackProps {
  readonly expected: string;
  readonly readBack: string | null;
  readonly provenBy: ImageRecord['provenBy'];
}

function ReadBack({ expected, readBack, provenBy }: ReadBackProps) {
  const { t } = useTranslation();
  if (readBack === null) return <Tag tone="note">{t('run.not_read_back')}</Tag>;
  if (readBack === expected && provenBy)
    return <span>✓ {t('run.same_digest', { digest: provenBy.toUpperCase() })}</span>;
  if (readBack === expected) return <span>✓ {t('run.same_read_back')}</span>;
  return (
    <>
      <Tag tone="alarm">{t('run.other_read_back')}</Tag> <code>{readBack}</code>
    </>
  );
}

function Measurements({ measurements }: { readonly measurements: readonly Measurement[] }) {
  const { t, i18n } = useTranslation();
  const number = new Intl.NumberFormat(i18n.language, { maximumSignificantDigits: 6 });
  const limit = (value: number | undefined): string => (value === undefined ? '–' : number.format(value));
  const within = ({ value, low, high }: Measurement): boolean =>
    value >= (low ?? Number.NEGATIVE_INFINITY) && value <= (high ?? Number.POSITIVE_INFINITY);
  return (
    <Table
      name={t('run.measurements')}
      rows={measurements}
      keyOf={({ name }) => name}
      columns={[
        { key: 'name', head: t('run.measurement'), render: ({ name }) => name },
        {
          key: 'value',
          head: t('run.value'),
          number: true,
          render: (each) => (
            <>
              {!within(each) && <Tag tone="alarm">{t('run.outside')}</Tag>} <b>{number.format(each.value)}</b>{' '}
              {each.unit}
            </>
          ),
        },
        { key: 'low', head: t('run.low'), number: true, render: ({ low }) => limit(low) },
        { key: 'high', head: t('run.high'), number: true, render: ({ high }) => limit(high) },
      ]}
    />
  );
}

/** Who answers for the release: whose key signed the pack, or the plant. Records from before that was kept say nothing. */
function releaseFacts(
  { signedBy, unsignedAllowed }: Pick<TracedRun['record'], 'signedBy' | 'unsignedAllowed'>,
  name: string,
  byWord: (by: 'release-key' | 'plant' | 'nobody' | 'allowed', params?: { by: string; since: string }) => string,
): (readonly [string, string, boolean])[] {
  if (signedBy === undefined) return [];
  if (signedBy === 'unsigned') {
    const { by, at } = unsignedAllowed ?? {};
    const allowed = by !== undefined && at !== undefined;
    return [[name, allowed ? byWord('allowed', { by, since: utcTime(at) }) : byWord('nobody'), allowed]];
  }
  return [[name, [signedBy.name, byWord(signedBy.by), signedBy.keyId].join(' · '), true]];
}

/** Who signed what for this unit alone, when; nothing where its recipe asks for nothing. */
function signatureFacts(
  { signatures = [] }: TracedRun['record'],
  name: string,
  storeName: (store: UnitSignature['store']) => string,
): (readonly [string, string, boolean])[] {
  if (signatures.length === 0) return [];
  const words = signatures.map(({ what, key, keyId, algorithm, signedAt, store }) =>
    [`${what}: ${key}`, storeName(store), algorithm, utcTime(signedAt), keyId].join(' · '),
  );
  return [[name, words.join('; '), true]];
}

/** What a command of the plant made for this unit alone. */
function unitDataFacts(
  { unitData }: TracedRun['record'],
  name: string,
  words: (given: UnitDataNote) => string,
): (readonly [string, string, boolean])[] {
  if (unitData === undefined) return [];
  return [[name, [words(unitData), utcTime(unitData.madeAt), unitData.sha256].join(' · '), true]];
}

function RunFacts({ run: { record, receivedAt, signed } }: { readonly run: TracedRun }) {
  const { t, i18n } = useTranslation();
  const none = t('run.none');
  const locks = Object.entries(record.locks);
  const steps = record.steps.map(({ step, ms }) =>
    [t(`step.${step}`, step), t('slot.seconds', { seconds: seconds(ms, i18n.language, 2) })].join(' '),
  );
  const optional = [
    [t('word.order'), record.order],
    [t('word.batch'), record.batch],
    [t('word.mac'), record.macs?.join(', ')],
    [t('run.released_by'), record.locksReleasedBy],
  ] as const;
  return (
    <Facts
      facts={[
        [t('word.uid'), <code key="uid">{record.uid ?? none}</code>],
        [t('word.chip'), record.chip],
        ...optional.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
        [t('run.keys'), record.signingKeys.length === 0 ? t('run.no_keys') : record.signingKeys.join(', ')],
        ...releaseFacts(record, t('run.release_signed'), (by, params) => t(`run.signer_${by}`, { ...params })),
        ...signatureFacts(record, t('run.signatures'), (store) => t(`run.store.${store}`)),
        ...unitDataFacts(record, t('run.unit_data'), ({ command, plant, size, again }) =>
          t(again ? 'run.unit_data_again' : 'run.unit_data_by', { command, plant, size }),
        ),
        [t('run.locks'), locks.length === 0 ? none : locks.map(([name, value]) => `${name} = ${value}`).join(', ')],
        [t('run.probe'), `${record.probe} · ${t('slot.name', { name: record.slot })}`],
        [t('run.app'), record.appVersion],
        [t('run.received'), <Moment key="received" at={receivedAt} />],
        ...(record.plant === undefined ? [] : [[t('run.duplicates'), t(`run.plant_${record.plant}`)] as const]),
        [t('run.proof'), t(signed ? 'run.signed' : 'run.unsigned')],
        [t('run.steps'), steps.join(' · '), true],
        [t('run.utc'), `${utcTime(record.startedAt)} – ${utcTime(record.finishedAt)}`, true],
        [t('word.release'), <code key="release">{record.release}</code>, true],
        [t('run.record'), <code key="record">{`${record.sequence} · ${record.hash}`}</code>, true],
      ]}
    />
  );
}

const CARD = {
  bgcolor: COLORS.tile,
  borderRadius: '0.5rem',
  p: '0.5rem 0.75rem',
  '& > summary': { display: 'flex', flexWrap: 'wrap', gap: '0.25rem 1rem', alignItems: 'center', cursor: 'pointer' },
  '& > summary::before': { content: '"▸"', width: '0.75rem' },
  '&[open] > summary::before': { content: '"▾"' },
  '& > summary::-webkit-details-marker': { display: 'none' },
} as const;
