import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { VERIFY_PAGE } from '#shared/contract/plant/common.ts';
import type { Certificate } from '#shared/contract/plant/web-messages.ts';
import { MONO } from '../theme.ts';
import { count, utcTime } from './plant-format.ts';

interface CertificateSheetProps {
  readonly certificate: Certificate;
  readonly jws: string;
  /** The plant's public key, base64url, to check the signature with; null while it is not known. */
  readonly publicKey: string | null;
}

/** One sheet of A4 or Letter, black on white: what is on the unit, and the signature that proves it. */
export function CertificateSheet({ certificate, jws, publicKey }: CertificateSheetProps) {
  const { t } = useTranslation();
  return (
    <Box component="article" data-part="certificate" sx={SHEET}>
      <Box sx={{ display: 'flex', justifyContent: 'space-between', alignItems: 'baseline', gap: '1rem' }}>
        <Box component="h2" sx={{ fontSize: '1.25rem !important' }}>
          {t('certificate.title')}
        </Box>
        <b>{certificate.plant}</b>
      </Box>
      <Box sx={{ fontFamily: MONO, fontSize: '1.5rem', fontWeight: 700, overflowWrap: 'anywhere' }}>
        {certificate.serial}
      </Box>
      <CertificateFacts certificate={certificate} />
      <Box>
        <h3>{t('certificate.signature')}</h3>
        <p>{t('certificate.verify', { page: `${location.origin}${VERIFY_PAGE}` })}</p>
        <p>
          {t('certificate.key')} <code data-part="public-key">{publicKey ?? '…'}</code>
        </p>
        <Box data-part="jws" sx={{ fontFamily: MONO, fontSize: '0.625rem', lineHeight: 1.25, wordBreak: 'break-all' }}>
          {jws}
        </Box>
      </Box>
    </Box>
  );
}

/** All that a certificate states. */
export function CertificateFacts({ certificate }: { readonly certificate: Certificate }) {
  return (
    <>
      <Facts certificate={certificate} />
      <Images certificate={certificate} />
    </>
  );
}

function Facts({ certificate }: { readonly certificate: Certificate }) {
  const { t } = useTranslation();
  const { product, record } = certificate;
  const locks = Object.entries(certificate.locks);
  const facts: readonly (readonly [string, ReactNode])[] = [
    [t('word.product'), `${product.name} (${product.id}), ${t('product.revision', { revision: product.revision })}`],
    [t('word.uid'), <code key="uid">{certificate.uid ?? t('run.none')}</code>],
    [t('word.chip'), certificate.chip],
    [t('certificate.passed'), `${utcTime(certificate.finishedAt)} · ${t('word.station')} ${certificate.station}`],
    [t('run.keys'), certificate.signingKeys.length === 0 ? t('run.no_keys') : certificate.signingKeys.join(', ')],
    [
      t('run.locks'),
      locks.length === 0 ? t('run.none') : locks.map(([name, value]) => `${name} = ${value}`).join(', '),
    ],
    [t('word.release'), <code key="release">{certificate.release}</code>],
    [t('run.record'), <code key="record">{`${record.sequence} · ${record.hash}`}</code>],
    [t('certificate.issued'), utcTime(certificate.issuedAt)],
  ];
  return (
    <Box component="dl" sx={FACTS}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </Box>
  );
}

function Images({ certificate: { images } }: { readonly certificate: Certificate }) {
  const { t, i18n } = useTranslation();
  return (
    <Box component="table" aria-label={t('run.images')} sx={TABLE}>
      <thead>
        <tr>
          <th scope="col">{t('run.image')}</th>
          <th scope="col">{t('word.version')}</th>
          <th scope="col">{t('run.bytes')}</th>
          <th scope="col">{t('certificate.hash')}</th>
        </tr>
      </thead>
      <tbody>
        {images.map(({ role, version, size, sha256 }) => (
          <tr key={role}>
            <td>{t(`product.role_${role}`, role)}</td>
            <td>{version}</td>
            <td>{count(size, i18n.language)}</td>
            <td>
              <code>{sha256}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </Box>
  );
}

const SHEET = {
  bgcolor: '#fff',
  color: '#000',
  p: '1.5rem',
  borderRadius: '0.5rem',
  maxWidth: '52rem',
  display: 'grid',
  gridTemplateColumns: 'minmax(0, 1fr)',
  gap: '0.875rem',
  '& p': { m: '0.25rem 0' },
  '& h3': { m: 0 },
  '@media print': { p: 0, maxWidth: 'none', fontSize: '9.5pt', gap: '3mm', borderRadius: 0 },
} as const;
const FACTS = {
  m: 0,
  '& > div': { display: 'grid', gridTemplateColumns: '11rem minmax(0, 1fr)', gap: '0.5rem', py: '0.125rem' },
  '& dt': { fontWeight: 600 },
  '& dd': { m: 0, overflowWrap: 'anywhere' },
} as const;
const TABLE = {
  width: '100%',
  borderCollapse: 'collapse',
  '& th, & td': {
    textAlign: 'start',
    verticalAlign: 'top',
    borderBottom: '1px solid #000',
    p: '0.25rem 0.5rem 0.25rem 0',
    overflowWrap: 'anywhere',
  },
} as const;
