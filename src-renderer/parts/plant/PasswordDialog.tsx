import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Ask } from './Ask.tsx';
import { useAct } from './plant-context.ts';

/** Shortest that the plant takes (the contract's own limit). */
export const PASSWORD_MIN = 12;

/** One's own password. */
export function PasswordDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('session.password');
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const given = old !== '' && password.length >= PASSWORD_MIN ? { body: { old, password } } : null;
  return (
    <Ask title={t('password.open')} confirm={t('password.change')} act={act} given={given} onClose={onClose}>
      <TextField
        autoFocus
        type="password"
        label={t('password.old')}
        autoComplete="current-password"
        value={old}
        onChange={(event) => setOld(event.target.value)}
      />
      <TextField
        type="password"
        label={t('password.new')}
        helperText={t('password.rule', { count: PASSWORD_MIN })}
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
    </Ask>
  );
}
