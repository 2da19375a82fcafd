import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { LanguageButton } from '../../parts/plant/LanguageButton.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { VerifyCertificate } from '../../parts/plant/VerifyCertificate.tsx';

/** Whether a certificate that somebody holds is the plant's; within the frame, for who is signed in. */
export function VerifyPage() {
  const { t } = useTranslation();
  return (
    <Page title={t('page.verify')} next={t('verify.next')}>
      <VerifyCertificate secret={null} maySee />
    </Page>
  );
}

/** The same for anybody at all: who holds a certificate years later has no account. */
export function OpenVerifyPage() {
  const { t } = useTranslation();
  const actions = (
    <>
      <LanguageButton />
      <Button component={Link} href="/">
        {t('sign_in.title')}
      </Button>
    </>
  );
  return (
    <Box component="main" sx={{ maxWidth: '56rem', mx: 'auto', p: '1.5rem', '@media print': { p: 0 } }}>
      <Page title={t('page.verify')} next={t('verify.next')} actions={actions}>
        <VerifyCertificate secret={null} maySee={false} />
      </Page>
    </Box>
  );
}
