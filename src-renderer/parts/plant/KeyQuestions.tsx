import Box from '@mui/material/Box';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SigningKey } from '#shared/contract/plant/signing-api.ts';
import { type KeyForm, keyForm, policyGiven } from '../../stores/plant-key-form.ts';
import { Ask } from './Ask.tsx';
import { useAct } from './plant-context.ts';

interface KeyQuestionProps {
  readonly of: SigningKey;
  readonly onClose: () => void;
}

/** What a key may sign. */
export function ChangeKey({ of: key, onClose }: KeyQuestionProps) {
  const { t } = useTranslation();
  const act = useAct('key.policy', ['key.list']);
  const [form, setForm] = useState(() => keyForm(key.policy));
  const body = policyGiven(form, key.policy);
  const field = (name: keyof KeyForm, label: string, help: string, type = 'text') => (
    <TextField
      label={label}
      helperText={help}
      type={type}
      value={form[name]}
      onChange={(event) => setForm({ ...form, [name]: event.target.value })}
      slotProps={{ inputLabel: { shrink: true } }}
    />
  );
  return (
    <Ask
      title={t('keys.change_title', { name: key.name })}
      confirm={t('keys.change_confirm')}
      act={act}
      given={body && { params: { name: key.name }, body }}
      onClose={onClose}
    >
      {field('products', t('keys.products'), t('keys.products_help'))}
      {field('stations', t('keys.stations'), t('keys.stations_help'))}
      <Box sx={{ display: 'flex', gap: '0.5rem' }}>
        {field('quantity', t('keys.quantity'), t('keys.no_limit'))}
        {field('perMinute', t('keys.per_minute'), t('keys.no_limit'))}
      </Box>
      {field('until', t('keys.until'), t('keys.until_help'), 'date')}
    </Ask>
  );
}

export function SwitchKey({ of: { name, policy }, onClose }: KeyQuestionProps) {
  const { t } = useTranslation();
  const act = useAct('key.policy', ['key.list']);
  const words = policy.enabled ? 'switch_off' : 'switch_on';
  return (
    <Ask
      title={t(`keys.${words}_title`, { name })}
      confirm={t(`keys.${words}`)}
      grave={policy.enabled}
      act={act}
      given={{ params: { name }, body: { enabled: !policy.enabled } }}
      onClose={onClose}
    >
      <div>{t(`keys.${words}_means`)}</div>
    </Ask>
  );
}
