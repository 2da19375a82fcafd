import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { CertificateSheet } from '../../parts/plant/CertificateSheet.tsx';
import { listenToDeskScanner } from '../../parts/plant/desk-scanner.ts';
import { LanguageButton } from '../../parts/plant/LanguageButton.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { useAsk } from '../../parts/plant/plant-context.ts';
import { Page } from '../../parts/plant/Page.tsx';
import { Problem } from '../../parts/plant/Problem.tsx';
import { saveFile } from '../../parts/plant/save-file.ts';
import { VerifyCertificate } from '../../parts/plant/VerifyCertificate.tsx';

/** A buyer's own view, by a link and without an account: the certificates of units of his products, and no more. */
export function BuyerPage({ secret }: { readonly secret: string }) {
  const { t } = useTranslation();
  const [serial, setSerial] = useState('');
  const [text, setText] = useState('');
  const [verifying, setVerifying] = useState(false);
  const about = useAsk('plant.about');
  const look = (code: string): void => {
    const wanted = code.trim().slice(0, 128);
    setText(wanted);
    setVerifying(false);
    if (wanted !== '') setSerial(wanted);
  };
  const latest = useRef(look);
  useLayoutEffect(() => {
    latest.current = look;
  });
  useEffect(() => listenToDeskScanner(document, (code) => latest.current(code)), []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    look(text);
  };
  return (
    <Box component="main" sx={{ maxWidth: '56rem', mx: 'auto', p: '1.5rem', '@media print': { p: 0 } }}>
      <Box sx={{ '@media print': { '& > div > :not(:last-child)': { display: 'none' } } }}>
        <Page
          title={t('buyer.title', { plant: about.data?.name ?? '…' })}
          next={t('buyer.next')}
          actions={
            <>
              <LanguageButton />
              <Button data-part="verify" onClick={() => setVerifying(!verifying)}>
                {t(verifying ? 'buyer.back' : 'page.verify')}
              </Button>
            </>
          }
        >
          {about.error !== null && <Problem error={about.error} onRetry={() => void about.refetch()} />}
          <Box component="form" role="search" onSubmit={submit} sx={{ display: 'flex', gap: '0.5rem' }}>
            <TextField
              autoFocus
              label={t('word.serial')}
              value={text}
              onChange={(event) => setText(event.target.value)}
              slotProps={{ inputLabel: { shrink: true }, htmlInput: { maxLength: 128, spellCheck: false } }}
            />
            <Button type="submit" variant="contained" color="primary">
              {t('find.search')}
            </Button>
          </Box>
          <Box>
            {verifying ? (
              <VerifyCertificate secret={secret} maySee />
            ) : serial === '' ? (
              <Nothing>{t('buyer.how')}</Nothing>
            ) : (
              <Certificates key={serial} secret={secret} serial={serial} publicKey={about.data?.publicKey.x ?? null} />
            )}
          </Box>
        </Page>
      </Box>
    </Box>
  );
}

interface CertificatesProps {
  readonly secret: string;
  readonly serial: string;
  readonly publicKey: string | null;
}

function Certificates({ secret, serial, publicKey }: CertificatesProps) {
  const { t } = useTranslation();
  const asked = useAsk('buyer.trace', { body: { secret, serial } });
  return (
    <Loaded of={asked}>
      {(found) =>
        found.length === 0 ? (
          <Nothing>{t('buyer.nothing', { serial })}</Nothing>
        ) : (
          <Box sx={{ display: 'grid', gap: '1rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
            {found.map(({ certificate, jws }) => (
              <CertificateSheet
                key={certificate.product.id}
                certificate={certificate}
                jws={jws}
                publicKey={publicKey}
              />
            ))}
            <Box sx={{ display: 'flex', gap: '0.5rem', flexWrap: 'wrap', '@media print': { display: 'none' } }}>
              <Button onClick={() => window.print()}>{t('common.print')}</Button>
              {found.map(({ certificate: { product }, jws }) => (
                <Button
                  key={product.id}
                  onClick={() => saveFile(`certificate-${product.id}-${serial}.jws`, 'application/jose', jws)}
                >
                  {t('certificate.download')}
                  {found.length > 1 && `: ${product.name}`}
                </Button>
              ))}
            </Box>
          </Box>
        )
      }
    </Loaded>
  );
}
