import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import type { RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { COLORS, MONO, TOUCH } from './theme.ts';

interface ScanFieldProps {
  readonly text: string;
  readonly field: RefObject<HTMLInputElement | null>;
  readonly onChange: (text: string) => void;
  /** Enter: takes what is typed, or starts what waits when nothing is. */
  readonly onEnter: () => void;
  /** What is to be scanned or typed here; a serial when left out. */
  readonly label?: string;
  readonly button?: string;
}

/** Where typed characters go. A scanner does not need it: it is read whatever has the focus. */
export function ScanField({ text, field, onChange, onEnter, label, button }: ScanFieldProps) {
  const { t } = useTranslation();
  return (
    <Box sx={{ display: 'flex', gap: '0.5rem', flexShrink: 0 }}>
      <Box
        component="input"
        ref={field}
        type="text"
        aria-label={label ?? t('scan.label')}
        placeholder={label ?? t('scan.placeholder')}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={256}
        value={text}
        onChange={(event: { target: { value: string } }) => onChange(event.target.value)}
        onKeyDown={(event: KeyboardLike) => {
          if (event.key !== 'Enter' || event.nativeEvent.isComposing) return;
          event.preventDefault();
          onEnter();
        }}
        sx={{
          height: TOUCH,
          width: '15rem',
          px: '0.75rem',
          border: `2px solid ${COLORS.quiet}`,
          borderRadius: '0.5rem',
          bgcolor: '#fff',
          color: COLORS.text,
          fontFamily: text === '' ? 'inherit' : MONO,
          fontSize: text === '' ? '1.125rem' : '1.5rem',
        }}
      />
      <Button color="inherit" variant="outlined" onClick={onEnter} sx={{ bgcolor: COLORS.panel, color: COLORS.text }}>
        {button ?? t('scan.enter')}
      </Button>
    </Box>
  );
}

interface KeyboardLike {
  readonly key: string;
  readonly nativeEvent: { readonly isComposing: boolean };
  preventDefault(): void;
}
