import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { Sample, StationState } from '#shared/contract/station.ts';
import { FrameButtons } from './FrameButtons.tsx';
import { Findings } from './Findings.tsx';
import { OrderLine } from './OrderLine.tsx';
import { SampleBarcodes } from './SampleBarcodes.tsx';
import { SettingsRow } from './SettingsRow.tsx';
import { StationTrouble } from './StationTrouble.tsx';
import { COLORS } from './theme.ts';
import { UnsignedNote } from './UnsignedNote.tsx';

/** More slots than have room to say what is wrong with them: the side panel says it. */
export function hasManySlots({ slots }: StationState): boolean {
  return slots.length > 4;
}

/** What is being made, the bench's barcodes, and the few settings. */
export function SidePanel({ station }: { readonly station: StationState }) {
  const { samples, troubles = [] } = station;
  // Both have no room.
  const offersSamples = samples.length > 0 && !hasManySlots(station) && troubles.length === 0;
  return (
    <Box
      component="aside"
      sx={{
        gridArea: 'side',
        display: 'flex',
        flexDirection: 'column',
        gap: '0.5rem',
        minHeight: 0,
        bgcolor: COLORS.panel,
        borderRadius: '0.75rem',
        p: '0.75rem',
      }}
    >
      {station.mode === 'bench' && <BenchBanner />}
      <Product station={station} />
      {station.release?.unsigned !== undefined && <UnsignedNote unsigned={station.release.unsigned} />}
      <StationTrouble troubles={troubles} />
      {offersSamples && <SampleBarcodes samples={oneOfEach(station.samples)} />}
      {hasManySlots(station) ? <Findings slots={station.slots} /> : <Box sx={{ flex: 1 }} />}
      <FrameButtons here="operator" />
      <SettingsRow autoStart={station.autoStart} />
    </Box>
  );
}

/** There is room for one barcode of each kind. */
function oneOfEach(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ shows }, index) => samples.findIndex((each) => each.shows === shows) === index);
}

function BenchBanner() {
  const { t } = useTranslation();
  return (
    <Box
      role="note"
      data-part="bench"
      sx={{
        borderRadius: '0.5rem',
        p: '0.25rem 0.5rem',
        color: COLORS.text,
        background: `repeating-linear-gradient(135deg, #fff 0 10px, #E3E6E9 10px 20px)`,
        border: `2px dashed ${COLORS.quiet}`,
      }}
    >
      <Box sx={{ fontWeight: 800, lineHeight: 1.2 }}>{t('bench.title')}</Box>
      <Box sx={{ fontSize: '0.875rem', lineHeight: 1.25 }}>{t('bench.text')}</Box>
    </Box>
  );
}

function Product({ station: { release, station, operator, order } }: { readonly station: StationState }) {
  const { t } = useTranslation();
  if (release === null) return <Box sx={{ fontWeight: 700 }}>{t('product.none')}</Box>;
  return (
    <Box sx={{ px: '0.125rem', lineHeight: 1.3 }}>
      <Box sx={{ fontSize: '1.125rem', fontWeight: 800, lineHeight: 1.15 }}>{release.product.name}</Box>
      <Box sx={{ fontSize: '0.875rem', color: COLORS.quiet }}>
        {t('product.revision', { revision: release.product.revision })} · {release.chip} · {station} · {operator}
      </Box>
      {release.images.map((image) => (
        <Box key={image.role} sx={{ fontSize: '0.875rem' }}>
          {t(`product.role_${image.role}`)} <b>{image.version}</b>
        </Box>
      ))}
      {order !== null && <OrderLine order={order} />}
    </Box>
  );
}
