import TextField from '@mui/material/TextField';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlantRelease } from '#shared/contract/plant/web-messages.ts';
import { Ask } from './Ask.tsx';
import { useAct } from './plant-context.ts';

export type ReleaseAct = 'approve' | 'publish' | 'withdraw';

interface ReleaseQuestionProps {
  readonly act: ReleaseAct;
  readonly release: PlantRelease;
  readonly onClose: () => void;
}

/** The confirm step of each act: what exactly, by its hashes, and what follows from it. */
export function ReleaseQuestion({ act, release, onClose }: ReleaseQuestionProps) {
  const { t } = useTranslation();
  const changed = ['release.list', 'order.list'] as const;
  const approve = useAct('release.approve', changed);
  const publish = useAct('release.publish', changed);
  const withdraw = useAct('release.withdraw', changed);
  const [reason, setReason] = useState('');
  const params = { digest: release.digest };
  const common = {
    title: t(`releases.${act}_title`, { product: release.product, version: release.version }),
    confirm: t(`releases.${act}`),
    onClose,
  };
  const what = (
    <>
      <div>{t(`releases.${act}_means`)}</div>
      {release.images.map(({ role, version, file, sha256 }) => (
        <div key={`${role} ${file}`}>
          {t(`product.role_${role}`, role)} <b>{version}</b> {file}
          <br />
          <code>{sha256}</code>
        </div>
      ))}
    </>
  );
  if (act === 'withdraw')
    return (
      <Ask
        {...common}
        grave
        act={withdraw}
        given={reason.trim() === '' ? null : { params, body: { reason: reason.trim() } }}
      >
        {what}
        <TextField
          autoFocus
          label={t('releases.reason')}
          helperText={t('releases.reason_help')}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
          slotProps={{ htmlInput: { maxLength: 128 } }}
        />
      </Ask>
    );
  return (
    <Ask {...common} act={act === 'approve' ? approve : publish} given={{ params }}>
      {what}
    </Ask>
  );
}
