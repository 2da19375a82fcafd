import StopCircle from '@mui/icons-material/StopCircle';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SlotProps } from './slot-props.ts';
import { useActions } from './station-context.ts';

/** An abort that nobody confirms is forgotten after this time, in milliseconds. */
const FORGET_MS = 6000;

/**
 * Two touches in two places: "Keep going" takes the place of "Abort", so that a double touch changes nothing.
 * By keyboard: Esc, then Enter.
 */
export function AbortButton({ slot }: SlotProps) {
  const { t } = useTranslation();
  const actions = useActions();
  const [asking, setAsking] = useState(false);
  const confirm = useRef<HTMLButtonElement>(null);
  const abort = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!asking) return undefined;
    confirm.current?.focus();
    const timer = setTimeout(() => setAsking(false), FORGET_MS);
    return () => clearTimeout(timer);
  }, [asking]);

  if (slot.cancelling || !asking)
    return (
      <Box sx={{ display: 'flex', justifyContent: 'flex-end' }}>
        <Button
          ref={abort}
          data-part="abort"
          color="inherit"
          variant="outlined"
          disabled={slot.cancelling}
          startIcon={<StopCircle />}
          onClick={() => setAsking(true)}
          sx={{ width: '45%' }}
        >
          {slot.cancelling ? t('slot.cancelling') : t('slot.abort')}
        </Button>
      </Box>
    );
  return (
    <Box
      role="alertdialog"
      aria-label={t('slot.abort_question', { name: slot.name })}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        setAsking(false);
      }}
      sx={{ display: 'flex', gap: '10%' }}
    >
      <Button
        ref={confirm}
        color="error"
        variant="contained"
        startIcon={<StopCircle />}
        onClick={() => void actions.abort(slot.id)}
        sx={{ width: '45%' }}
      >
        {t('slot.abort_confirm')}
      </Button>
      <Button color="inherit" variant="outlined" onClick={() => setAsking(false)} sx={{ width: '45%' }}>
        {t('slot.abort_keep')}
      </Button>
    </Box>
  );
}
