import Warning from '@mui/icons-material/Warning';
import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { Failure, Verdict } from '#shared/model/failure.ts';
import { place, readableParams } from './format.ts';
import { PagesLine } from './PagesLine.tsx';
import { ReworkButton } from './ReworkButton.tsx';
import type { SlotProps } from './slot-props.ts';
import { StepList } from './StepList.tsx';
import { COLORS } from './theme.ts';
import { VERDICT_LOOKS } from './verdict-look.ts';

export function FinishedSlot({ slot }: SlotProps) {
  const { verdict, failure } = slot;
  if (verdict === null) return null;
  return (
    <>
      <VerdictWord verdict={verdict} />
      {failure === null ? <Passed slot={slot} /> : <Why failure={failure} verdict={verdict} slot={slot} />}
    </>
  );
}

/** Word and icon at 96 px and more on a 720-line screen: 25 mm, read at 3 m. */
function VerdictWord({ verdict }: { readonly verdict: Verdict }) {
  const { t } = useTranslation();
  const Icon = VERDICT_LOOKS[verdict].icon;
  const long = t(`verdict.${verdict}`).length > 5;
  return (
    <Box
      role="alert"
      sx={{
        mt: '-0.25rem',
        mb: '0.25rem',
        display: 'flex',
        alignItems: 'center',
        gap: '0.75rem',
        height: '6rem',
        flexShrink: 0,
      }}
    >
      <Icon sx={{ fontSize: long ? '4rem' : '5.25rem' }} />
      <Box
        data-part="verdict"
        sx={{ fontSize: long ? '4rem' : '6rem', fontWeight: 800, lineHeight: 1, letterSpacing: '-0.01em' }}
      >
        {t(`verdict.${verdict}`)}
      </Box>
    </Box>
  );
}

function Passed({ slot }: SlotProps) {
  const { t } = useTranslation();
  return (
    <Box sx={{ flex: 1, display: 'flex', flexDirection: 'column', justifyContent: 'flex-end', gap: '0.25rem' }}>
      <NoiseNote slot={slot} />
      <PagesLine slot={slot} />
      <StepList slot={slot} dense />
      <Box sx={visuallyHidden}>{t('meaning.PASS')}</Box>
    </Box>
  );
}

/** A good board on a bad cable: said before the cable makes a bad board. */
export function NoiseNote({ slot }: SlotProps) {
  const { t, i18n } = useTranslation();
  if (slot.noisyHz === null) return null;
  const mhz = new Intl.NumberFormat(i18n.language, { maximumSignificantDigits: 2 }).format(slot.noisyHz / 1e6);
  return (
    <Box
      data-part="noise"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '0.375rem',
        p: '0.125rem 0.375rem',
        borderRadius: '0.375rem',
        bgcolor: COLORS.error,
        color: '#000000',
        fontSize: '0.9375rem',
        fontWeight: 700,
        lineHeight: 1.15,
      }}
    >
      <Warning sx={{ fontSize: '1.25rem' }} />
      {t('slot.noisy', { mhz })}
    </Box>
  );
}

/** Sentence, remedy and facts of a failure. */
export function Why({ failure, verdict, slot }: SlotProps & { readonly failure: Failure; readonly verdict: Verdict }) {
  const { t, i18n } = useTranslation();
  const params = readableParams(failure, i18n.language);
  const facts = [failure.code, place(failure), `${t('who.label')}: ${t(`who.${failure.blame}`)}`];
  const mayRework = failure.code === 'already-passed';
  return (
    <Box sx={{ flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column', justifyContent: 'space-between' }}>
      <Box sx={{ overflow: 'auto', pb: '0.25rem', fontSize: '1rem', lineHeight: 1.2 }}>
        <Box>
          {!mayRework && <b>{t(`meaning.${verdict}`)} </b>}
          {t(`${failure.code}.sentence`, { ns: 'failures', ...params })}
        </Box>
        {!mayRework && <Box sx={{ fontWeight: 700 }}>{t(`${failure.code}.remedy`, { ns: 'failures', ...params })}</Box>}
      </Box>
      {mayRework && slot.serial !== null && <ReworkButton />}
      {!mayRework && (
        <Box
          data-part="facts"
          sx={{ fontSize: '0.875rem', lineHeight: 1.25, whiteSpace: 'nowrap', overflow: 'hidden', opacity: 0.9 }}
        >
          {facts.filter((fact) => fact !== '').join(' · ')}
        </Box>
      )}
    </Box>
  );
}

const visuallyHidden = {
  position: 'absolute',
  width: 1,
  height: 1,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
} as const;
