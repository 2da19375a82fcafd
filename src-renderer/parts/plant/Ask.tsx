import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import Dialog from '@mui/material/Dialog';
import { useId, type FormEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { PlantCall } from '#shared/contract/plant/endpoints.ts';
import type { Answer, GivenTo } from '../../client/plant-client.ts';
import type { Act } from './plant-context.ts';
import { Problem } from './Problem.tsx';

interface AskProps<K extends PlantCall> {
  readonly title: string;
  /** On the button that does it: the act in words, never "OK". */
  readonly confirm: string;
  /** What it does cannot be undone. */
  readonly grave?: boolean;
  readonly act: Act<K>;
  /** What to call with; null while something is still missing. */
  readonly given: GivenTo<K> | null;
  readonly onClose: () => void;
  /** Instead of closing. */
  readonly onDone?: (answer: Answer<K>) => void;
  readonly children?: ReactNode;
}

/** A question with a form below it: nothing happens before the named button is pressed, and a refusal says why in place. */
export function Ask<K extends PlantCall>(props: AskProps<K>) {
  const { title, confirm, grave = false, act, given, onClose, onDone, children } = props;
  const { t } = useTranslation();
  const heading = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (given !== null) act.mutate(given, { onSuccess: onDone ?? onClose });
  };
  return (
    <Dialog open onClose={onClose} aria-labelledby={heading}>
      <Box component="form" onSubmit={submit} noValidate sx={FORM}>
        <h2 id={heading}>{title}</h2>
        {children}
        {act.error !== null && <Problem error={act.error} />}
        <Box sx={{ display: 'flex', justifyContent: 'flex-end', gap: '0.5rem' }}>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            variant="contained"
            color={grave ? 'error' : 'primary'}
            disabled={given === null || act.isPending}
          >
            {confirm}
          </Button>
        </Box>
      </Box>
    </Dialog>
  );
}

/** A note with one button, for what must be read before it goes. */
export function Tell({
  title,
  onClose,
  children,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}) {
  const { t } = useTranslation();
  const heading = useId();
  return (
    // A stray click beside it must not take away what is shown once.
    <Dialog open onClose={(_, reason) => reason === 'escapeKeyDown' && onClose()} aria-labelledby={heading}>
      <Box sx={FORM}>
        <h2 id={heading}>{title}</h2>
        {children}
        <Box sx={{ display: 'flex', justifyContent: 'flex-end' }}>
          <Button variant="contained" color="primary" onClick={onClose}>
            {t('common.done')}
          </Button>
        </Box>
      </Box>
    </Dialog>
  );
}

const FORM = { display: 'flex', flexDirection: 'column', gap: '0.875rem', p: '1.25rem' } as const;
