import Box from '@mui/material/Box';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { PlantCallFailed } from '../../client/plant-client.ts';
import { COLORS } from '../theme.ts';
import { FileDrop } from './FileDrop.tsx';
import { useAct } from './plant-context.ts';
import { Problem } from './Problem.tsx';

/** A zip of recipe and images, picked or dropped. */
export function ReleaseUpload() {
  const { t } = useTranslation();
  const act = useAct('release.upload', ['release.list']);
  const [refused, setRefused] = useState<PlantCallFailed | null>(null);
  const upload = async (file: File): Promise<void> => {
    act.reset();
    const limit = plantEndpoints['release.upload'].maxBytes ?? Number.POSITIVE_INFINITY;
    if (file.size > limit) return setRefused(tooLarge(limit));
    setRefused(null);
    act.mutate({ body: new Uint8Array(await file.arrayBuffer()) });
  };
  const problem = refused ?? act.error;
  return (
    <Box sx={{ display: 'grid', gap: '0.5rem' }}>
      <FileDrop
        name={t('releases.upload')}
        part="upload"
        accept=".zip,.flashpack,application/zip"
        disabled={act.isPending}
        onFile={(file) => void upload(file)}
      >
        <Box role="status" sx={{ fontWeight: 700 }}>
          {act.isPending && t('releases.uploading')}
          {act.isSuccess && t('releases.uploaded', { product: act.data.product, version: act.data.version })}
          {!act.isPending && !act.isSuccess && t('releases.upload')}
        </Box>
        <Box sx={{ color: COLORS.quiet }}>{t('releases.upload_help')}</Box>
      </FileDrop>
      {problem !== null && <Problem error={problem} />}
    </Box>
  );
}

function tooLarge(limit: number): PlantCallFailed {
  return new PlantCallFailed(new FlashlineError('too-large', { params: { limit } }).failure);
}
