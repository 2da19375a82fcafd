import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'wouter';
import type { TracedRun, UnitTrace } from '#shared/contract/plant/web-messages.ts';
import { FindingWords } from '../../parts/plant/FindingWords.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAsk } from '../../parts/plant/plant-context.ts';
import { RunCard } from '../../parts/plant/RunCard.tsx';
import { Moment, Tag, VerdictWord } from '../../parts/plant/words.tsx';
import { COLORS, MONO } from '../../parts/theme.ts';
import { VERDICT_LOOKS } from '../../parts/verdict-look.ts';

/** All that is known of one serial. */
export function TracePage() {
  const { t } = useTranslation();
  const [search] = useSearchParams();
  const serial = search.get('serial') ?? '';
  if (serial === '')
    return (
      <Page title={t('page.trace')} next={t('trace.next')}>
        <Nothing>{t('trace.how')}</Nothing>
      </Page>
    );
  return <Traces key={serial} serial={serial} />;
}

function Traces({ serial }: { readonly serial: string }) {
  const { t } = useTranslation();
  const asked = useAsk('unit.trace', { params: { serial } });
  const isUnknown = asked.error?.failure.code === 'not-found';
  const traces = asked.data ?? [];
  const runs = traces.flatMap((trace) => trace.runs).length;
  const next = asked.data === undefined || runs === 0 ? t('trace.next') : t('trace.found', { count: runs });
  return (
    <Page title={`${t('page.trace')}: ${serial}`} next={next}>
      {isUnknown ? (
        <Nothing>
          <b>{t('trace.unknown', { serial })}</b> {t('trace.unknown_why')}
        </Nothing>
      ) : (
        <Loaded of={asked}>
          {(found) => (
            <Box sx={{ display: 'grid', gap: '1rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
              {found.map((trace) => (
                <Unit key={trace.product.id} trace={trace} />
              ))}
            </Box>
          )}
        </Loaded>
      )}
    </Page>
  );
}

function Unit({ trace }: { readonly trace: UnitTrace }) {
  const { t } = useTranslation();
  return (
    <Box component="article" data-product={trace.product.id} sx={{ display: 'grid', gap: '0.5rem' }}>
      <Summary trace={trace} />
      {trace.findings.map((finding) => (
        <Box
          key={finding.id}
          data-finding={finding.kind}
          sx={{ p: '0.5rem 0.75rem', borderRadius: '0.5rem', bgcolor: '#fff', border: `2px solid ${COLORS.error}` }}
        >
          <FindingWords finding={finding} />
          {finding.settledAt === null ? (
            <Box sx={{ fontWeight: 700 }}>{t('trace.finding_open')}</Box>
          ) : (
            <Box sx={{ color: COLORS.quiet }}>
              {t('finding.settled_by', { name: finding.settledBy ?? '' })} <Moment at={finding.settledAt} />
            </Box>
          )}
        </Box>
      ))}
      {trace.runs.map((run, index) => (
        <RunCard key={run.record.hash} run={run} open={index === 0} />
      ))}
    </Box>
  );
}

/** The answer in one glance: good or not, with what, proven by whom. */
function Summary({ trace: { serial, product, runs } }: { readonly trace: UnitTrace }) {
  const { t } = useTranslation();
  const [latest] = runs;
  if (latest === undefined) return <Nothing>{t('trace.no_runs')}</Nothing>;
  const passed = lastPass(runs);
  const { verdict } = latest.record;
  const where = `product=${encodeURIComponent(product.id)}&serial=${encodeURIComponent(serial)}`;
  return (
    <Box
      data-part="summary"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '1rem',
        p: '0.75rem',
        bgcolor: COLORS.tile,
        borderRadius: '0.5rem',
        borderInlineStart: `6px solid ${VERDICT_LOOKS[verdict].background}`,
      }}
    >
      <VerdictWord verdict={verdict} large />
      <Box sx={{ flex: 1, minWidth: 0 }}>
        <Box sx={{ fontWeight: 700, overflowWrap: 'anywhere' }}>
          {product.name} · {t('product.revision', { revision: product.revision })}
        </Box>
        <Box>
          {passed === undefined ? t('trace.never_passed') : <Carries run={passed} />}
          {passed !== undefined && passed !== latest && (
            <>
              {' '}
              <Tag tone="alarm">{t('trace.failed_since')}</Tag>
            </>
          )}
        </Box>
      </Box>
      {passed !== undefined && (
        <Button component={Link} href={`/certificate?${where}`} variant="contained" color="primary">
          {t('trace.certificate')}
        </Button>
      )}
    </Box>
  );
}

function Carries({ run: { record } }: { readonly run: TracedRun }) {
  const { t } = useTranslation();
  return (
    <>
      {t('trace.carries')}{' '}
      {record.images.map(({ role, version, sha256 }) => (
        <Box component="span" key={role} sx={{ mr: '0.75rem' }}>
          {t(`product.role_${role}`)} <b>{version}</b>{' '}
          <Box component="span" sx={{ fontFamily: MONO, color: COLORS.quiet }}>
            {sha256.expected.slice(0, 12)}
          </Box>
        </Box>
      ))}
    </>
  );
}

function lastPass(runs: readonly TracedRun[]): TracedRun | undefined {
  return runs.find(({ record }) => record.verdict === 'PASS');
}
