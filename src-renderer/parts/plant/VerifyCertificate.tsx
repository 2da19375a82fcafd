import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useState, type ClipboardEvent, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { MAX_CERTIFICATE_TEXT, readCertificateText, type Unreadable } from '#shared/contract/plant/certificate-text.ts';
import { COLORS, MONO } from '../theme.ts';
import { CertificateVerdictSheet, UnreadableText } from './CertificateVerdictSheet.tsx';
import { FileDrop } from './FileDrop.tsx';
import { type Act, useAct } from './plant-context.ts';
import { Problem } from './Problem.tsx';

interface VerifyCertificateProps {
  /** Of a buyer's link; null for whoever is signed in, or nobody. */
  readonly secret: string | null;
  /** Whether who asks may be told more than the signature proves. */
  readonly maySee: boolean;
}

/** UTF-8: no character of a text that is taken has more bytes. */
const MAX_FILE_BYTES = MAX_CERTIFICATE_TEXT * 4;

/** A certificate that somebody holds: pasted, dropped or chosen, and at once what it is worth. */
export function VerifyCertificate({ secret, maySee }: VerifyCertificateProps) {
  const { t } = useTranslation();
  const { text, type, check, take, clear, unreadable, act } = useCheck(secret);
  const paste = (event: ClipboardEvent): void => {
    const pasted = event.clipboardData.getData('text');
    // Into the middle of something it is typing like any other.
    if (pasted === '' || text !== '') return;
    event.preventDefault();
    check(pasted);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    check(text);
  };
  return (
    <Box sx={{ display: 'grid', gap: '0.75rem', gridTemplateColumns: 'minmax(0, 1fr)' }}>
      <Box component="form" onSubmit={submit} sx={FORM}>
        <TextField
          multiline
          autoFocus
          rows={4}
          label={t('verify.field')}
          placeholder="eyJ…"
          value={text}
          onChange={(event) => type(event.target.value)}
          onPaste={paste}
          slotProps={FIELD}
        />
        <Box sx={{ display: 'flex', gap: '0.5rem', alignItems: 'stretch' }}>
          <FileDrop name={t('verify.drop')} part="drop" onFile={(file) => void take(file)}>
            <Box sx={{ fontWeight: 700 }}>{t('verify.drop')}</Box>
            <Box sx={{ color: COLORS.quiet }}>{t('verify.drop_help')}</Box>
          </FileDrop>
          <Button type="submit" variant="contained" color="primary" disabled={text === '' || act.isPending}>
            {t('verify.check')}
          </Button>
          <Button disabled={text === '' && unreadable === null} onClick={clear}>
            {t('verify.clear')}
          </Button>
        </Box>
      </Box>
      <Box role="status" data-part="check">
        {act.isPending && t('common.loading')}
        {unreadable !== null && <UnreadableText why={unreadable} />}
        {act.data !== undefined && (
          <CertificateVerdictSheet check={act.data} jws={act.variables.body?.jws ?? ''} maySee={maySee} />
        )}
      </Box>
      {act.error !== null && <Problem error={act.error} />}
    </Box>
  );
}

interface Checking {
  readonly text: string;
  readonly unreadable: Unreadable | null;
  readonly act: Act<'certificate.verify'>;
  readonly type: (text: string) => void;
  readonly check: (text: string) => void;
  readonly take: (file: File) => Promise<void>;
  readonly clear: () => void;
}

/** What can be nobody's certificate is said here; what may be one, the plant is asked. */
function useCheck(secret: string | null): Checking {
  const [text, setText] = useState('');
  const [unreadable, setUnreadable] = useState<Unreadable | null>(null);
  const act = useAct('certificate.verify');
  const show = (shown: string, why: Unreadable | null): void => {
    act.reset();
    setText(shown);
    setUnreadable(why);
  };
  const check = (given: string): void => {
    const read = readCertificateText(given);
    // What is far too long for a certificate would make the field slow.
    if (typeof read === 'string') return show(read === 'too-large' ? '' : given, read);
    show(given, null);
    act.mutate({ body: { jws: read.jws, ...(secret === null ? {} : { secret }) } });
  };
  return {
    text,
    unreadable,
    act,
    check,
    type: (typed) => show(typed, null),
    clear: () => show('', null),
    async take(file) {
      if (file.size > MAX_FILE_BYTES) show('', 'too-large');
      else check(await file.text());
    },
  };
}

const FIELD = {
  inputLabel: { shrink: true },
  htmlInput: { spellCheck: false, autoComplete: 'off', sx: { fontFamily: MONO, wordBreak: 'break-all' } },
} as const;
const FORM = { display: 'grid', gap: '0.5rem', '@media print': { display: 'none' } } as const;
