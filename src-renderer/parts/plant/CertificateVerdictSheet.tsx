import CheckCircle from '@mui/icons-material/CheckCircle';
import Report from '@mui/icons-material/Report';
import Box from '@mui/material/Box';
import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Unreadable } from '#shared/contract/plant/certificate-text.ts';
import type { CertificateCheck, CertificateDifference } from '#shared/contract/plant/web-messages.ts';
import { COLORS, MONO } from '../theme.ts';
import { CertificateFacts, CertificateSheet } from './CertificateSheet.tsx';
import { utcTime } from './plant-format.ts';
import { type Column, Table } from './Table.tsx';

interface CertificateVerdictSheetProps {
  readonly check: CertificateCheck;
  readonly jws: string;
  readonly maySee: boolean;
}

/** What a text is worth, in one sentence first; then by which key, what differs, and what it states. */
export function CertificateVerdictSheet({ check, jws, maySee }: CertificateVerdictSheetProps) {
  const { t } = useTranslation();
  const { verdict, certificate, claims, key, namedKey } = check;
  return (
    <Box sx={{ display: 'grid', gap: '0.75rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Verdict verdict={verdict} good={verdict === 'authentic'}>
        {key !== null && (
          <Box>
            {t(key.current ? 'verify.key' : 'verify.key_earlier')} <code data-part="signed-by">{key.x}</code>
          </Box>
        )}
        {key === null && namedKey !== null && verdict === 'other-key' && (
          <Box>
            {t('verify.key_named')} <code>{namedKey}</code>
          </Box>
        )}
      </Verdict>
      <Compared check={check} maySee={maySee} />
      {certificate !== null && <CertificateSheet certificate={certificate} jws={jws} publicKey={key?.x ?? null} />}
      {claims !== null && (
        <Box component="section" data-part="claims" sx={CLAIMS}>
          <h2>{t('verify.claims')}</h2>
          <Box sx={{ fontFamily: MONO, fontWeight: 700, overflowWrap: 'anywhere' }}>
            {claims.serial} · {claims.plant}
          </Box>
          <CertificateFacts certificate={claims} />
        </Box>
      )}
    </Box>
  );
}

export function UnreadableText({ why }: { readonly why: Unreadable }) {
  return <Verdict verdict={why} good={false} />;
}

interface VerdictProps {
  readonly verdict: CertificateCheck['verdict'];
  readonly good: boolean;
  readonly children?: ReactNode;
}

function Verdict({ verdict, good, children }: VerdictProps) {
  const { t } = useTranslation();
  const Icon = good ? CheckCircle : Report;
  return (
    <Box
      data-part="verdict"
      data-verdict={verdict}
      sx={{ ...VERDICT, bgcolor: good ? '#fff' : COLORS.error, borderColor: good ? COLORS.pass : COLORS.error }}
    >
      <Icon sx={{ fontSize: '2rem', color: good ? COLORS.pass : '#000' }} />
      <Box sx={{ minWidth: 0, overflowWrap: 'anywhere' }}>
        <Box sx={{ fontSize: '1.125rem', fontWeight: 800 }}>{t(`verify.is_${verdict}`)}</Box>
        <Box>{t(`verify.means_${verdict}`)}</Box>
        {children}
      </Box>
    </Box>
  );
}

/** To whom may see the unit: what of the text is otherwise, then or now. */
function Compared({ check, maySee }: { readonly check: CertificateCheck; readonly maySee: boolean }) {
  const { t } = useTranslation();
  const { verdict, compared } = check;
  if (verdict !== 'authentic' && verdict !== 'changed') return null;
  if (compared === null) {
    if (verdict === 'authentic') return maySee ? null : <Box sx={NOTE}>{t('verify.ask_now')}</Box>;
    return <Box sx={NOTE}>{t(maySee ? 'verify.not_known' : 'verify.ask_differs')}</Box>;
  }
  const { differs } = compared;
  const same = differs.length === 0 ? '_same' : '';
  return (
    <Box component="section" data-part="compared" data-with={compared.with} sx={{ display: 'grid', gap: '0.5rem' }}>
      <Box sx={{ fontWeight: 700 }}>
        {t(compared.with === 'unproven' ? 'verify.with_unproven' : `verify.with_${compared.with}${same}`)}
      </Box>
      {differs.length > 0 && (
        <Table name={t('verify.differs')} columns={columnsOf(compared.with, t)} rows={differs} keyOf={factOf} />
      )}
    </Box>
  );
}

function factOf({ fact }: CertificateDifference): string {
  return fact;
}

function columnsOf(against: 'signed' | 'now' | 'unproven', t: TFunction): readonly Column<CertificateDifference>[] {
  const value = (fact: string, text: string | null): ReactNode =>
    text === null ? (
      t('run.none')
    ) : (
      <span style={{ fontFamily: MONO }}>{fact.endsWith('At') ? utcTime(text) : text}</span>
    );
  return [
    { key: 'fact', head: t('verify.fact'), render: ({ fact }) => factWords(fact, t) },
    { key: 'text', head: t('verify.in_text'), render: ({ fact, text }) => value(fact, text) },
    {
      key: 'plant',
      head: t(against === 'now' ? 'verify.at_plant_now' : 'verify.at_plant'),
      render: ({ fact, plant }) => value(fact, plant),
    },
  ];
}

/** A fact's path in words; what has none (a lock's name) as it stands. */
function factWords(fact: string, t: TFunction): string {
  const [first = '', second = '', third = ''] = fact.split('.');
  const role = second.replace(/#\d+$/, '');
  if (first === 'images') return `${t(`product.role_${role}`, role)}: ${t(`verify.fact_${third}`, third)}`;
  if (first === 'locks') return `${t('run.locks')}: ${fact.slice('locks.'.length)}`;
  return t(`verify.fact_${fact.replaceAll('.', '_')}`, fact);
}

const VERDICT = {
  display: 'flex',
  alignItems: 'center',
  gap: '0.75rem',
  p: '0.75rem 1rem',
  borderRadius: '0.5rem',
  border: '3px solid',
  color: '#000',
} as const;
const NOTE = { color: COLORS.quiet } as const;
const CLAIMS = { bgcolor: COLORS.tile, borderRadius: '0.5rem', p: '0.75rem', display: 'grid', gap: '0.5rem' } as const;
