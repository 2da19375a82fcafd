import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'wouter';
import { VERIFY_PAGE } from '#shared/contract/plant/common.ts';
import { FailureCode, FAILURES } from '#shared/model/failure.ts';
import { PlantCallFailed } from '../../client/plant-client.ts';
import { LanguageButton } from '../../parts/plant/LanguageButton.tsx';
import { Mark } from '../../parts/plant/Mark.tsx';
import { useAct, useAsk } from '../../parts/plant/plant-context.ts';
import { Problem } from '../../parts/plant/Problem.tsx';
import { COLORS } from '../../parts/theme.ts';
import { signIn } from '../../stores/plant-queries.ts';

/** Stands in place of every page until somebody signs in; then the page that was asked for appears. */
export function SignInPage({ oidcPath }: { readonly oidcPath: string }) {
  const { t } = useTranslation();
  const about = useAsk('plant.about').data;
  return (
    <Box component="main" sx={{ minHeight: '100vh', display: 'grid', placeItems: 'center', p: '1rem' }}>
      <Box sx={{ width: 'min(24rem, 100%)', bgcolor: COLORS.tile, borderRadius: '0.75rem', p: '1.5rem' }}>
        <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.75rem', mb: '1rem' }}>
          <Mark size={36} />
          <Box sx={{ flex: 1 }}>
            <h1>{t('sign_in.title')}</h1>
            <Box sx={{ color: COLORS.quiet }}>{about === undefined ? '…' : t('sign_in.plant', about)}</Box>
          </Box>
          <LanguageButton />
        </Box>
        <Refused />
        <PasswordForm />
        {about?.oidc !== null && about?.oidc !== undefined && (
          <>
            <Box sx={{ textAlign: 'center', color: COLORS.quiet, my: '0.5rem' }}>{t('sign_in.or')}</Box>
            <Button fullWidth href={oidcPath}>
              {t('sign_in.oidc', { provider: about.oidc })}
            </Button>
          </>
        )}
        <Box sx={{ color: COLORS.quiet, mt: '1rem', fontSize: '0.8125rem' }}>{t('sign_in.help')}</Box>
        <Box sx={{ mt: '0.5rem', fontSize: '0.8125rem' }}>
          <Link href={VERIFY_PAGE}>{t('page.verify')}</Link>
        </Box>
      </Box>
    </Box>
  );
}

/** Back from the provider without success: the address says why, by the failure's code alone. */
function Refused() {
  const [search] = useSearchParams();
  const code = FailureCode.safeParse(search.get('refused'));
  if (!code.success) return null;
  const params = Object.fromEntries(FAILURES[code.data].params.map((name) => [name, '…']));
  const { blame } = FAILURES[code.data];
  return (
    <Box sx={{ mb: '1rem' }}>
      <Problem error={new PlantCallFailed({ code: code.data, blame, where: {}, params })} />
    </Box>
  );
}

function PasswordForm() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const act = useAct('session.open');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    act.mutate(
      { body: { name: name.trim(), password } },
      { onSuccess: (person) => signIn(queries, person), onError: () => setPassword('') },
    );
  };
  return (
    <Box component="form" onSubmit={submit} sx={{ display: 'flex', flexDirection: 'column', gap: '0.875rem' }}>
      <TextField
        label={t('sign_in.name')}
        value={name}
        onChange={(event) => setName(event.target.value)}
        autoComplete="username"
        autoFocus
        slotProps={{ inputLabel: { shrink: true }, htmlInput: { maxLength: 128, autoCapitalize: 'none' } }}
      />
      <TextField
        label={t('sign_in.password')}
        type="password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        autoComplete="current-password"
        slotProps={{ inputLabel: { shrink: true }, htmlInput: { maxLength: 256 } }}
      />
      {act.error !== null && <Problem error={act.error} />}
      <Button
        type="submit"
        variant="contained"
        color="primary"
        disabled={name.trim() === '' || password === '' || act.isPending}
      >
        {t('sign_in.submit')}
      </Button>
    </Box>
  );
}
