import Box from '@mui/material/Box';
import Checkbox from '@mui/material/Checkbox';
import FormControlLabel from '@mui/material/FormControlLabel';
import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Name } from '#shared/contract/plant/common.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import type { PlantUser } from '#shared/contract/plant/web-messages.ts';
import { Ask } from './Ask.tsx';
import { PASSWORD_MIN } from './PasswordDialog.tsx';
import { useAct } from './plant-context.ts';

/** Shortest badge code that the plant takes: a shorter one is guessed. */
const BADGE_MIN = 8;

interface Fields {
  readonly name: string;
  readonly roles: readonly PlantRole[];
  /** Separated by commas. */
  readonly products: string;
  readonly password: string;
  readonly badge: string;
}

export function CreateUser({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('user.create', ['user.list']);
  const [fields, setFields] = useState<Fields>({ name: '', roles: [], products: '', password: '', badge: '' });
  const isGood = Name.safeParse(fields.name.trim()).success && areGood(fields);
  const body = {
    name: fields.name.trim(),
    roles: [...fields.roles],
    products: productsOf(fields),
    password: fields.password === '' ? null : fields.password,
    badge: fields.badge === '' ? null : fields.badge,
  };
  return (
    <Ask
      title={t('users.create')}
      confirm={t('users.create_confirm')}
      act={act}
      given={isGood ? { body } : null}
      onClose={onClose}
    >
      <TextField
        autoFocus
        label={t('users.name')}
        value={fields.name}
        onChange={(event) => setFields({ ...fields, name: event.target.value })}
      />
      <Rest fields={fields} onChange={setFields} isNew />
    </Ask>
  );
}

export function ChangeUser({ user, onClose }: { readonly user: PlantUser; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('user.change', ['user.list']);
  const [fields, setFields] = useState<Fields>({
    name: user.name,
    roles: user.roles,
    products: user.products.join(', '),
    password: '',
    badge: '',
  });
  const body = {
    roles: [...fields.roles],
    products: productsOf(fields),
    ...(fields.password === '' ? {} : { password: fields.password }),
    ...(fields.badge === '' ? {} : { badge: fields.badge }),
  };
  return (
    <Ask
      title={t('users.change_title', { name: user.name })}
      confirm={t('users.change_confirm')}
      act={act}
      given={areGood(fields) ? { params: { name: user.name }, body } : null}
      onClose={onClose}
    >
      <Rest fields={fields} onChange={setFields} isNew={false} />
    </Ask>
  );
}

interface RestProps {
  readonly fields: Fields;
  readonly onChange: (fields: Fields) => void;
  readonly isNew: boolean;
}

function Rest({ fields, onChange, isNew }: RestProps) {
  const { t } = useTranslation();
  const toggle = (role: PlantRole): void =>
    onChange({
      ...fields,
      roles: fields.roles.includes(role) ? fields.roles.filter((each) => each !== role) : [...fields.roles, role],
    });
  return (
    <>
      <Box component="fieldset" sx={{ m: 0, p: '0.25rem 0.75rem', borderRadius: '0.375rem' }}>
        <legend>{t('users.roles')}</legend>
        <Box sx={{ display: 'grid', gridTemplateColumns: '1fr 1fr' }}>
          {PlantRole.options.map((role) => (
            <FormControlLabel
              key={role}
              control={<Checkbox size="small" checked={fields.roles.includes(role)} onChange={() => toggle(role)} />}
              label={t(`role.${role}`)}
            />
          ))}
        </Box>
      </Box>
      <TextField
        label={t('users.products')}
        helperText={t('users.products_help')}
        value={fields.products}
        onChange={(event) => onChange({ ...fields, products: event.target.value })}
      />
      <TextField
        type="password"
        label={t(isNew ? 'users.password' : 'users.password_new')}
        helperText={t('password.rule', { count: PASSWORD_MIN })}
        autoComplete="new-password"
        value={fields.password}
        onChange={(event) => onChange({ ...fields, password: event.target.value })}
      />
      <TextField
        label={t('users.badge')}
        helperText={t('users.badge_help')}
        value={fields.badge}
        onChange={(event) => onChange({ ...fields, badge: event.target.value })}
        autoComplete="off"
      />
    </>
  );
}

function areGood(fields: Fields): boolean {
  const { roles, password, badge } = fields;
  if (roles.includes('buyer') && productsOf(fields).length === 0) return false;
  const isLong = (text: string, least: number): boolean => text === '' || text.length >= least;
  return roles.length > 0 && isLong(password, PASSWORD_MIN) && isLong(badge, BADGE_MIN);
}

function productsOf({ products }: Fields): string[] {
  return products
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
