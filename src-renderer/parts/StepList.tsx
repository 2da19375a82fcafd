import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { SlotState } from '#shared/contract/station.ts';
import { Step } from '#shared/model/run-event.ts';
import { seconds } from './format.ts';

/** All steps in their order from the start, so that nothing moves while they are done; two columns. */
export function StepList({ slot, dense = false }: { readonly slot: SlotState; readonly dense?: boolean }) {
  const { t, i18n } = useTranslation();
  // Few units come locked or are given something by the plant; such a step has no place on the others.
  const steps = Step.options.filter((step) => !OPTIONAL.has(step) || slot.steps.some((entry) => entry.step === step));
  return (
    <Box
      component="ol"
      sx={{
        m: 0,
        p: 0,
        listStyle: 'none',
        display: 'grid',
        gridTemplateColumns: '1fr 1fr',
        gridTemplateRows: `repeat(${Math.ceil(steps.length / 2)}, auto)`,
        gridAutoFlow: 'column',
        columnGap: '1.5rem',
        fontSize: dense ? '0.875rem' : '1rem',
        lineHeight: dense ? 1.3 : 1.55,
      }}
    >
      {steps.map((step) => {
        const entry = slot.steps.find((each) => each.step === step);
        const ms = entry?.ms;
        const state = entry === undefined ? 'later' : ms === null ? 'now' : 'done';
        return (
          <Box
            component="li"
            key={step}
            data-step={step}
            data-state={state}
            sx={{
              display: 'flex',
              justifyContent: 'space-between',
              whiteSpace: 'nowrap',
              fontWeight: state === 'now' ? 800 : 400,
              opacity: state === 'later' ? 0.55 : 1,
            }}
          >
            <span>
              <Box component="span" aria-hidden sx={{ display: 'inline-block', width: '1.3em' }}>
                {MARKS[state]}
              </Box>
              {t(`step.${step}`)}
            </span>
            <span>{typeof ms === 'number' ? t('slot.seconds', { seconds: seconds(ms, i18n.language, 2) }) : ''}</span>
          </Box>
        );
      })}
    </Box>
  );
}

/** Shown only where a run has them. */
const OPTIONAL: ReadonlySet<Step> = new Set<Step>(['unlock', 'plant-data', 'badge', 'lock']);
const MARKS = { later: '·', now: '▸', done: '✓' } as const;
