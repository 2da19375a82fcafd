import Button from '@mui/material/Button';
import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'wouter';
import { CertificateSheet } from '../../parts/plant/CertificateSheet.tsx';
import { Loaded } from '../../parts/plant/Loaded.tsx';
import { useAsk } from '../../parts/plant/plant-context.ts';
import { saveFile } from '../../parts/plant/save-file.ts';
import { Page } from '../../parts/plant/Page.tsx';

/** What is on one unit, signed by the plant, for a shipment's papers. */
export function CertificatePage() {
  const { t } = useTranslation();
  const [search] = useSearchParams();
  const serial = search.get('serial') ?? '';
  const product = search.get('product') ?? '';
  const about = useAsk('plant.about').data;
  const asked = useAsk('unit.certificate', { params: { product, serial } });
  const jws = asked.data?.jws;
  const actions = (
    <>
      <Button component={Link} href={`/trace?serial=${encodeURIComponent(serial)}`}>
        {t('certificate.back')}
      </Button>
      {jws !== undefined && (
        <Button onClick={() => saveFile(`certificate-${product}-${serial}.jws`, 'application/jose', jws)}>
          {t('certificate.download')}
        </Button>
      )}
      <Button variant="contained" color="primary" disabled={jws === undefined} onClick={() => window.print()}>
        {t('common.print')}
      </Button>
    </>
  );
  return (
    <Box sx={{ '@media print': { '& > div > :first-of-type': { display: 'none' } } }}>
      <Page title={`${t('page.certificate')}: ${serial}`} next={t('certificate.next')} actions={actions}>
        <Loaded of={asked}>
          {(answer) => <CertificateSheet {...answer} publicKey={about?.publicKey.x ?? null} />}
        </Loaded>
      </Page>
    </Box>
  );
}
