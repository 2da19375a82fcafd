import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { hexAddress } from '#shared/base/bytes.ts';
import type { ImageRecord, UnitRecord } from '#shared/model/unit-record.ts';
import { dateTime, kibibytes, readableParams, seconds } from './format.ts';
import { COLORS, MONO } from './theme.ts';

/** All that one run's record says, in the order in which it is asked for. */
export function RecordDetail({ record }: { readonly record: UnitRecord }) {
  const { t, i18n } = useTranslation();
  const ms = record.steps.reduce((sum, step) => sum + step.ms, 0);
  return (
    <Box
      component="section"
      aria-label={t('log.details')}
      data-part="record"
      // Long hashes and lists scroll here, by keyboard too.
      tabIndex={0}
      sx={{
        minHeight: 0,
        overflow: 'auto',
        bgcolor: COLORS.tile,
        borderRadius: '0.75rem',
        p: '0.75rem 1rem',
        fontSize: '1rem',
        lineHeight: 1.35,
        userSelect: 'text',
      }}
    >
      <Box sx={{ fontFamily: MONO, fontSize: '1.5rem', fontWeight: 700, overflowWrap: 'anywhere' }}>
        {record.serial}
      </Box>
      {record.failure !== null && <Failed record={record} />}
      <Fact name={t('log.product')}>
        {record.product.name}, {t('product.revision', { revision: record.product.revision })} ({record.chip})
      </Fact>
      <Fact name={t('log.when')}>
        {dateTime(record.startedAt, i18n.language)}, {t('slot.seconds', { seconds: seconds(ms, i18n.language) })}
      </Fact>
      <Fact name={t('log.who')}>
        {record.operator} · {record.station} · {t('slot.name', { name: record.slot })}
      </Fact>
      <Fact name={t('log.uid')} mono>
        {record.uid ?? t('log.none')}
      </Fact>
      <MadeAs record={record} />
      {record.images.map((image) => (
        <Image key={image.role} image={image} />
      ))}
      <Written record={record} />
      <Fact name={t('log.keys')} mono>
        {record.signingKeys.length === 0 ? t('log.none') : record.signingKeys.join(', ')}
      </Fact>
      <Unsigned record={record} />
      <Fact name={t('log.locks')} mono>
        {Object.entries(record.locks).length === 0
          ? t('log.none')
          : Object.entries(record.locks)
              .map(([name, value]) => `${name}=${value}`)
              .join(', ')}
      </Fact>
      {record.locksReleasedBy !== undefined && <Fact name={t('log.released_by')}>{record.locksReleasedBy}</Fact>}
      {(record.measurements ?? []).map(({ name, value, unit, low, high }) => (
        <Fact key={name} name={name}>
          {value} {unit} {low === undefined && high === undefined ? '' : `(${low ?? '…'} – ${high ?? '…'})`}
        </Fact>
      ))}
      {record.plant === 'silent' && <Fact name={t('log.plant')}>{t('log.plant_silent')}</Fact>}
      <Fact name={t('log.release')} mono small>
        {record.release}
      </Fact>
      <Fact name={t('log.record')} mono small>
        {record.sequence} · {record.hash}
      </Fact>
    </Box>
  );
}

/** By whose leave a release that nobody signed was put into the unit. */
function Unsigned({ record: { signedBy, unsignedAllowed } }: { readonly record: UnitRecord }) {
  const { t, i18n } = useTranslation();
  if (signedBy !== 'unsigned') return null;
  const { by, at } = unsignedAllowed ?? {};
  const leave =
    by === undefined || at === undefined
      ? t('log.unsigned_free')
      : t('log.unsigned_allowed', { by, since: dateTime(at, i18n.language) });
  return <Fact name={t('log.unsigned')}>{leave}</Fact>;
}

/** How much was written, why pages were written or kept, and what was rotten. */
function Written({ record }: { readonly record: UnitRecord }) {
  const { t, i18n } = useTranslation();
  const { bytesWritten, bytesSkipped, unproven } = record;
  const [pages, rot] = [record.pages ?? [], record.rot ?? []];
  const size = (bytes: number) => kibibytes(bytes, i18n.language);
  return (
    <>
      <Fact name={t('log.written')}>
        {t('log.bytes', { written: size(bytesWritten), skipped: size(bytesSkipped) })}
      </Fact>
      {pages.map(({ action, reason, bytes }) => (
        <Fact key={`${action} ${reason}`} name={t(`pages.${action}`)}>
          {t('pages.size', { size: size(bytes), why: t(`pages.${reason}`) })}
        </Fact>
      ))}
      {rot.length > 0 && (
        <Fact name={t('pages.rot')} mono>
          {rot.map(({ address }) => hexAddress(address)).join(', ')}
        </Fact>
      )}
      {unproven !== undefined && <Fact name={t('pages.unproven')}>{t('pages.reflash', { size: size(unproven) })}</Fact>}
    </>
  );
}

/** What only some products' units have. */
function MadeAs({ record: { order, batch, macs, signatures, unitData } }: { readonly record: UnitRecord }) {
  const { t } = useTranslation();
  return (
    <>
      {order !== undefined && <Fact name={t('log.order')}>{order}</Fact>}
      {batch !== undefined && <Fact name={t('log.batch')}>{batch}</Fact>}
      {macs !== undefined && macs.length > 0 && (
        <Fact name={t('log.mac')} mono>
          {macs.join(', ')}
        </Fact>
      )}
      {signatures !== undefined && signatures.length > 0 && (
        <Fact name={t('log.signatures')}>
          {signatures.map(({ what, key, store }) => `${what}: ${key} (${t(`log.store.${store}`)})`).join(', ')}
        </Fact>
      )}
      {unitData !== undefined && (
        <Fact name={t('log.unit_data')}>
          {t('log.unit_data_by', { command: unitData.command, plant: unitData.plant })} {unitData.sha256}
        </Fact>
      )}
    </>
  );
}

function Failed({ record: { failure, verdict } }: { readonly record: UnitRecord }) {
  const { t, i18n } = useTranslation();
  if (failure === null) return null;
  const params = { ns: 'failures', ...readableParams(failure, i18n.language) };
  return (
    <Box sx={{ my: '0.375rem', pl: '0.625rem', borderLeft: `0.375rem solid ${COLORS.quiet}` }}>
      <Box>
        <b>{t(`meaning.${verdict}`)}</b> {t(`${failure.code}.sentence`, params)}
      </Box>
      <Box>{t(`${failure.code}.remedy`, params)}</Box>
    </Box>
  );
}

function Image({ image: { role, version, address, size, sha256, provenBy } }: { readonly image: ImageRecord }) {
  const { t, i18n } = useTranslation();
  const proof =
    sha256.readBack === null ? 'log.unproven' : sha256.readBack === sha256.expected ? 'log.proven' : 'log.differs';
  return (
    <Fact name={t(`product.role_${role}`)}>
      <b>{version}</b>, {hexAddress(address)}, {kibibytes(size, i18n.language)} KiB, {t(proof)}
      {provenBy && sha256.readBack !== null && ` (${t('log.proven_by', { digest: provenBy.toUpperCase() })})`}
      <Box sx={{ fontFamily: MONO, fontSize: '0.8125rem', overflowWrap: 'anywhere' }}>{sha256.expected}</Box>
    </Fact>
  );
}

interface FactProps {
  readonly name: string;
  readonly mono?: boolean;
  readonly small?: boolean;
  readonly children: ReactNode;
}

function Fact({ name, mono = false, small = false, children }: FactProps) {
  return (
    <Box sx={{ display: 'grid', gridTemplateColumns: '8.5rem minmax(0, 1fr)', gap: '0.5rem', mt: '0.1875rem' }}>
      <Box sx={{ color: COLORS.quiet }}>{name}</Box>
      <Box
        sx={{
          overflowWrap: 'anywhere',
          fontFamily: mono ? MONO : 'inherit',
          fontSize: small ? '0.8125rem' : 'inherit',
        }}
      >
        {children}
      </Box>
    </Box>
  );
}
