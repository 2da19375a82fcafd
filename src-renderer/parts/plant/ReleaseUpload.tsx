import UploadFile from '@mui/icons-material/UploadFile';
import Box from '@mui/material/Box';
import { useState, type DragEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { plantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { PlantCallFailed } from '../../client/plant-client.ts';
import { COLORS } from '../theme.ts';
import { useAct } from './plant-context.ts';
import { Problem } from './Problem.tsx';

/** A zip of recipe and images, picked or dropped. */
export function ReleaseUpload() {
  const { t } = useTranslation();
  const act = useAct('release.upload', ['release.list']);
  const [refused, setRefused] = useState<PlantCallFailed | null>(null);
  const [over, setOver] = useState(false);
  const upload = async (file: File | undefined): Promise<void> => {
    if (file === undefined || act.isPending) return;
    act.reset();
    const limit = plantEndpoints['release.upload'].maxBytes ?? Number.POSITIVE_INFINITY;
    if (file.size > limit) return setRefused(tooLarge(limit));
    setRefused(null);
    act.mutate({ body: new Uint8Array(await file.arrayBuffer()) });
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    void upload(event.dataTransfer.files[0]);
  };
  const problem = refused ?? act.error;
  return (
    <Box sx={{ display: 'grid', gap: '0.5rem' }}>
      <Box
        component="label"
        data-part="upload"
        onDragOver={(event: DragEvent) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
        sx={{ ...DROP, bgcolor: over ? '#fff' : COLORS.tile }}
      >
        <UploadFile />
        <Box sx={{ flex: 1 }}>
          <Box role="status" sx={{ fontWeight: 700 }}>
            {act.isPending && t('releases.uploading')}
            {act.isSuccess && t('releases.uploaded', { product: act.data.product, version: act.data.version })}
            {!act.isPending && !act.isSuccess && t('releases.upload')}
          </Box>
          <Box sx={{ color: COLORS.quiet }}>{t('releases.upload_help')}</Box>
        </Box>
        <input
          type="file"
          accept=".zip,.flashpack,application/zip"
          aria-label={t('releases.upload')}
          disabled={act.isPending}
          onChange={(event) => {
            void upload(event.target.files?.[0]);
            // The same file may be picked again, mended.
            event.target.value = '';
          }}
        />
      </Box>
      {problem !== null && <Problem error={problem} />}
    </Box>
  );
}

function tooLarge(limit: number): PlantCallFailed {
  return new PlantCallFailed(new FlashlineError('too-large', { params: { limit } }).failure);
}

const DROP = {
  display: 'flex',
  alignItems: 'center',
  gap: '0.75rem',
  p: '0.5rem 0.75rem',
  borderRadius: '0.5rem',
  border: `2px dashed ${COLORS.quiet}`,
  cursor: 'pointer',
} as const;
