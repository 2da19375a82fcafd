import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { AbortButton } from './AbortButton.tsx';
import { kibibytes } from './format.ts';
import { PagesLine } from './PagesLine.tsx';
import type { SlotProps } from './slot-props.ts';
import { StepList } from './StepList.tsx';
import { COLORS } from './theme.ts';

export function RunningSlot({ slot }: SlotProps) {
  return (
    <Box sx={{ flex: 1, display: 'flex', flexDirection: 'column', justifyContent: 'space-between', pt: '0.5rem' }}>
      <StepList slot={slot} dense />
      {slot.waitsFor === null ? <Progress slot={slot} /> : <BadgeWanted roles={slot.waitsFor} />}
      <AbortButton slot={slot} />
    </Box>
  );
}

function Progress({ slot }: SlotProps) {
  return (
    <>
      <PagesLine slot={slot} />
      <ProgressBar slot={slot} />
    </>
  );
}

const ONE_LINE = {
  fontSize: '0.875rem',
  minWidth: 0,
  whiteSpace: 'nowrap',
  overflow: 'hidden',
  textOverflow: 'ellipsis',
};

/** The board is good and not locked yet: what it waits for stands where its progress stood. */
export function BadgeWanted({ roles, short = false }: { readonly roles: readonly string[]; readonly short?: boolean }) {
  const { t } = useTranslation();
  const who = roles.map((role) => t(`badge.role.${role}`)).join(t('badge.or'));
  return (
    <Box
      data-part="badge-wanted"
      sx={{ fontWeight: 700, fontSize: '0.9375rem', lineHeight: 1.15, color: COLORS.act, ...(short ? ONE_LINE : {}) }}
    >
      {t(short ? 'badge.wanted_short' : 'badge.wanted', { who })}
    </Box>
  );
}

export function ProgressBar({ slot, bytes = true }: SlotProps & { readonly bytes?: boolean }) {
  const { t, i18n } = useTranslation();
  const { done, total } = slot.progress ?? { done: 0, total: 0 };
  const share = total === 0 ? 0 : Math.min(1, done / total);
  return (
    <Box sx={{ flex: bytes ? 'none' : 1, display: 'flex', alignItems: 'center', gap: '1rem', height: '1.5rem' }}>
      <Box
        role="progressbar"
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
        sx={{ flex: 1, height: '0.875rem', borderRadius: '0.4375rem', bgcolor: COLORS.line, overflow: 'hidden' }}
      >
        <Box
          style={{ transform: `scaleX(${share})` }}
          sx={{ height: '100%', bgcolor: COLORS.work, transformOrigin: 'left' }}
        />
      </Box>
      {bytes && (
        <Box sx={{ width: '8.5rem', textAlign: 'right', whiteSpace: 'nowrap' }}>
          {total === 0
            ? ''
            : t('slot.bytes', { done: kibibytes(done, i18n.language), total: kibibytes(total, i18n.language) })}
        </Box>
      )}
    </Box>
  );
}
