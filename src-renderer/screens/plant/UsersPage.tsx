import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlantUser } from '#shared/contract/plant/web-messages.ts';
import { Ask } from '../../parts/plant/Ask.tsx';
import { Loaded, Nothing } from '../../parts/plant/Loaded.tsx';
import { Page } from '../../parts/plant/Page.tsx';
import { useAct, useAsk, usePerson } from '../../parts/plant/plant-context.ts';
import { Table } from '../../parts/plant/Table.tsx';
import { ChangeUser, CreateUser } from '../../parts/plant/UserForm.tsx';
import { Moment, Tag } from '../../parts/plant/words.tsx';

/** Who may do what. */
export function UsersPage() {
  const { t } = useTranslation();
  const asked = useAsk('user.list');
  const [creating, setCreating] = useState(false);
  const [changing, setChanging] = useState<PlantUser | null>(null);
  const [switching, setSwitching] = useState<PlantUser | null>(null);
  return (
    <Page
      title={t('page.users')}
      next={t('users.next')}
      actions={
        <Button variant="contained" color="primary" onClick={() => setCreating(true)}>
          {t('users.create')}
        </Button>
      }
    >
      <Loaded of={asked}>
        {(users) =>
          users.length === 0 ? (
            <Nothing>{t('users.nothing')}</Nothing>
          ) : (
            <Users users={users} onChange={setChanging} onSwitch={setSwitching} />
          )
        }
      </Loaded>
      {creating && <CreateUser onClose={() => setCreating(false)} />}
      {changing !== null && <ChangeUser user={changing} onClose={() => setChanging(null)} />}
      {switching !== null && <SwitchUser user={switching} onClose={() => setSwitching(null)} />}
    </Page>
  );
}

interface UsersProps {
  readonly users: readonly PlantUser[];
  readonly onChange: (user: PlantUser) => void;
  readonly onSwitch: (user: PlantUser) => void;
}

function Users({ users, onChange, onSwitch }: UsersProps) {
  const { t } = useTranslation();
  const person = usePerson();
  return (
    <Table
      name={t('page.users')}
      rows={users}
      keyOf={({ name }) => name}
      faded={({ active }) => !active}
      columns={[
        { key: 'name', head: t('users.name'), render: ({ name }) => <b>{name}</b> },
        {
          key: 'roles',
          head: t('users.roles'),
          render: ({ roles }) => roles.map((role) => t(`role.${role}`)).join(', '),
        },
        {
          key: 'products',
          head: t('users.products'),
          render: ({ products }) => (products.length === 0 ? t('users.all_products') : products.join(', ')),
        },
        {
          key: 'ways',
          head: t('users.ways'),
          render: ({ hasPassword, hasBadge }) =>
            [hasPassword && t('users.password'), hasBadge && t('users.badge')].filter(Boolean).join(', ') ||
            t('users.no_way'),
        },
        {
          key: 'last',
          head: t('users.last'),
          render: ({ lastSignedInAt }) => (lastSignedInAt === null ? t('users.never') : <Moment at={lastSignedInAt} />),
        },
        {
          key: 'act',
          head: t('common.act'),
          render: (user) => (
            <Box sx={{ display: 'flex', gap: '0.375rem', alignItems: 'center' }}>
              {!user.active && <Tag tone="rest">{t('users.off')}</Tag>}
              <Button onClick={() => onChange(user)}>{t('users.change')}</Button>
              {user.name !== person.name && (
                <Button onClick={() => onSwitch(user)}>
                  {t(user.active ? 'users.switch_off' : 'users.switch_on')}
                </Button>
              )}
            </Box>
          ),
        },
      ]}
    />
  );
}

function SwitchUser({ user, onClose }: { readonly user: PlantUser; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const act = useAct('user.change', ['user.list']);
  const words = user.active ? 'switch_off' : 'switch_on';
  return (
    <Ask
      title={t(`users.${words}_title`, { name: user.name })}
      confirm={t(`users.${words}`)}
      grave={user.active}
      act={act}
      given={{ params: { name: user.name }, body: { active: !user.active } }}
      onClose={onClose}
    >
      <div>{t(`users.${words}_means`)}</div>
    </Ask>
  );
}
