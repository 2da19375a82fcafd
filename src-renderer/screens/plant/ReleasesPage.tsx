import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { PlantRelease } from '#shared/contract/plant/web-messages.ts';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAsk, useMay, usePerson } from '../../parts/plant/plant-context.ts';
import { ReleaseQuestion, type ReleaseAct } from '../../parts/plant/ReleaseQuestion.tsx';
import { ReleaseUpload } from '../../parts/plant/ReleaseUpload.tsx';
import { Table } from '../../parts/plant/Table.tsx';
import { Hash, Moment, Tag } from '../../parts/plant/words.tsx';
import { COLORS } from '../../parts/theme.ts';
import { releaseStep } from '../../stores/plant-needs.ts';

/** From upload to withdrawal: who let which firmware onto the line. */
export function ReleasesPage() {
  const { t } = useTranslation();
  const person = usePerson();
  const mayUpload = useMay('release.upload');
  const asked = useAsk('release.list', undefined, { every: 30_000 });
  const [asking, setAsking] = useState<{ act: ReleaseAct; release: PlantRelease } | null>(null);
  const steps = new Set((asked.data ?? []).map((release) => releaseStep(release, person)));
  const next = steps.has('approve') ? 'approve' : steps.has('publish') ? 'publish' : 'rest';
  return (
    <Page title={t('page.releases')} next={t(`releases.next_${next}`)}>
      {mayUpload && <ReleaseUpload />}
      <Loaded of={asked}>
        {(releases) =>
          releases.length === 0 ? (
            <Nothing>{t(mayUpload ? 'releases.nothing_upload' : 'releases.nothing')}</Nothing>
          ) : (
            <Releases releases={releases} onAct={(act, release) => setAsking({ act, release })} />
          )
        }
      </Loaded>
      {asking !== null && <ReleaseQuestion {...asking} onClose={() => setAsking(null)} />}
    </Page>
  );
}

interface ReleasesProps {
  readonly releases: readonly PlantRelease[];
  readonly onAct: (act: ReleaseAct, release: PlantRelease) => void;
}

function Releases({ releases, onAct }: ReleasesProps) {
  const { t } = useTranslation();
  return (
    <Table
      name={t('page.releases')}
      rows={releases}
      keyOf={({ digest }) => digest}
      faded={({ state }) => state === 'withdrawn'}
      columns={[
        {
          key: 'product',
          head: t('word.product'),
          render: ({ product, revision, version, digest }) => (
            <>
              <b>
                {product} {version}
              </b>
              <br />
              {t('product.revision', { revision })} · <Hash value={digest} />
            </>
          ),
        },
        { key: 'state', head: t('releases.state'), render: (release) => <State release={release} /> },
        { key: 'images', head: t('run.images'), render: ({ images }) => <Images images={images} /> },
        { key: 'history', head: t('releases.history'), render: (release) => <History release={release} /> },
        { key: 'act', head: t('common.act'), render: (release) => <Acts release={release} onAct={onAct} /> },
      ]}
    />
  );
}

function State({ release: { state } }: { readonly release: PlantRelease }) {
  const { t } = useTranslation();
  const tone = { uploaded: 'note', approved: 'note', published: 'good', withdrawn: 'rest' } as const;
  return <Tag tone={tone[state]}>{t(`releases.state_${state}`)}</Tag>;
}

function Images({ images }: { readonly images: PlantRelease['images'] }) {
  const { t } = useTranslation();
  return images.map(({ role, version, file, sha256 }) => (
    <div key={`${role} ${file}`}>
      {t(`product.role_${role}`, role)} <b>{version}</b>{' '}
      <Link href={`/recall?by=image&value=${sha256}`} title={`${file} · ${sha256}`}>
        {t('releases.units')}
      </Link>
    </div>
  ));
}

/** Who did what, and when. */
function History({ release }: { readonly release: PlantRelease }) {
  const { t } = useTranslation();
  const steps = [
    ['uploaded', release.uploadedAt, release.uploadedBy],
    ['approved', release.approvedAt, release.approvedBy],
    ['published', release.publishedAt, null],
    ['withdrawn', release.withdrawnAt, release.withdrawnBy],
  ] as const;
  return (
    <>
      {steps.map(([state, at, by]) =>
        at === null ? null : (
          <div key={state}>
            {t(`releases.did_${state}`)} {by !== null && <b>{by}</b>} <Moment at={at} />
          </div>
        ),
      )}
      {release.reason !== null && (
        <div>
          {t('releases.reason')}: {release.reason}
        </div>
      )}
    </>
  );
}

function Acts({ release, onAct }: { readonly release: PlantRelease; readonly onAct: ReleasesProps['onAct'] }) {
  const { t } = useTranslation();
  const person = usePerson();
  const mayWithdraw = useMay('release.withdraw');
  const step = releaseStep(release, person);
  return (
    <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: '0.375rem', maxWidth: '13rem' }}>
      {step === 'second-person' && (
        <Box sx={{ color: COLORS.quiet, flexBasis: '100%' }}>{t('releases.second_person')}</Box>
      )}
      {(step === 'approve' || step === 'publish') && (
        <Button variant="contained" color="primary" onClick={() => onAct(step, release)}>
          {t(`releases.${step}`)}
        </Button>
      )}
      {mayWithdraw && release.state !== 'withdrawn' && (
        <Button onClick={() => onAct('withdraw', release)}>{t('releases.withdraw')}</Button>
      )}
    </Box>
  );
}
