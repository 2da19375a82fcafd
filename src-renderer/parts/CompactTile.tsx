import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { assertNever } from '#shared/base/assert-never.ts';
import type { SlotState } from '#shared/contract/station.ts';
import type { Verdict } from '#shared/model/failure.ts';
import { lacksProbe } from '../stores/next-action.ts';
import { AbortButton } from './AbortButton.tsx';
import { NoiseNote } from './FinishedSlot.tsx';
import { readableParams } from './format.ts';
import { BadgeWanted, ProgressBar } from './RunningSlot.tsx';
import type { SlotProps } from './slot-props.ts';
import { useActions } from './station-context.ts';
import { COLORS } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';
import { NoProbe } from './WaitingSlot.tsx';

/** What a tile holds where there are many of them: the state and its one action; details stand in the side panel. */
export function CompactBody({ slot, isNext }: SlotProps & { readonly isNext: boolean }) {
  switch (slot.phase) {
    case 'empty':
      return lacksProbe(slot) ? <NoProbe slot={slot} /> : <Empty isNext={isNext} />;
    case 'ready':
      return <Ready slot={slot} />;
    case 'running':
      return <Running slot={slot} />;
    case 'finished':
      return slot.verdict === null ? null : <Finished slot={slot} verdict={slot.verdict} />;
    default:
      return assertNever(slot.phase, 'slot phase');
  }
}

function Empty({ isNext }: { readonly isNext: boolean }) {
  const { t } = useTranslation();
  const border = isNext ? `0.1875rem dashed ${COLORS.quiet}` : '0.1875rem solid transparent';
  return (
    <Box sx={{ flex: 1, display: 'grid', placeItems: 'center', color: COLORS.quiet, borderRadius: '0.5rem', border }}>
      {isNext ? t('slot.next') : t('slot.empty')}
    </Box>
  );
}

function Ready({ slot }: SlotProps) {
  const { t } = useTranslation();
  const actions = useActions();
  return (
    <Box sx={{ flex: 1, display: 'flex', gap: '0.375rem', alignItems: 'flex-end' }}>
      <Button
        color="inherit"
        variant="outlined"
        onClick={() => void actions.clear(slot.id)}
        sx={{ fontSize: '0.9375rem', px: '0.25rem' }}
      >
        {t('slot.clear')}
      </Button>
      <Button variant="contained" onClick={() => void actions.start(slot.id)} sx={{ flex: 1 }}>
        {t('slot.start')}
      </Button>
    </Box>
  );
}

function Running({ slot }: SlotProps) {
  const { t } = useTranslation();
  const now = slot.steps.findLast((entry) => entry.ms === null) ?? slot.steps.at(-1);
  return (
    <Box sx={{ flex: 1, display: 'flex', flexDirection: 'column', justifyContent: 'space-between' }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.5rem', fontWeight: 800, lineHeight: 1 }}>
        <Box data-part="step" sx={{ whiteSpace: 'nowrap' }}>
          {now === undefined || slot.waitsFor !== null ? '' : t(`step.${now.step}`)}
        </Box>
        {slot.waitsFor === null ? (
          <ProgressBar slot={slot} bytes={false} />
        ) : (
          <BadgeWanted roles={slot.waitsFor} short />
        )}
      </Box>
      <AbortButton slot={slot} />
    </Box>
  );
}

/** PASS and FAIL at 64 px on a 720-line screen: 17 mm, read at 3 m. Longer words are smaller; their colour and icon are not. */
function Finished({ slot, verdict }: SlotProps & { readonly verdict: Verdict }) {
  const { t } = useTranslation();
  const word = t(`verdict.${verdict}`);
  const Icon = VERDICT_LOOKS[verdict].icon;
  const fontSize = word.length <= 4 ? '4rem' : word.length === 5 ? '3rem' : '2rem';
  return (
    <Box sx={{ flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column', justifyContent: 'center' }}>
      <Box role="alert" sx={{ display: 'flex', alignItems: 'center', gap: '0.375rem' }}>
        <Icon sx={{ fontSize: '2.75rem' }} />
        <Box data-part="verdict" sx={{ fontSize, fontWeight: 800, lineHeight: 1, letterSpacing: '-0.02em' }}>
          {word}
        </Box>
      </Box>
      {slot.failure === null ? <NoiseNote slot={slot} /> : <ShortReason slot={slot} />}
    </Box>
  );
}

function ShortReason({ slot: { failure } }: { readonly slot: SlotState }) {
  const { t, i18n } = useTranslation();
  if (failure === null) return null;
  return (
    <Box
      sx={{ fontSize: '0.875rem', lineHeight: 1.2, whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis' }}
    >
      {t(`${failure.code}.sentence`, { ns: 'failures', ...readableParams(failure, i18n.language) })}
    </Box>
  );
}
