import Box from '@mui/material/Box';
import ButtonBase from '@mui/material/ButtonBase';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { REWORK_CODE } from '#shared/contract/station.ts';
import { Barcode } from './Barcode.tsx';
import { useActions } from './station-context.ts';
import { TOUCH } from './theme.ts';

/** Long enough to be meant; in milliseconds. */
const HOLD_MS = 1000;

/** Rework is deliberate: its barcode scanned, or the button held (by touch, or by Enter). */
export function ReworkButton() {
  const { t } = useTranslation();
  const actions = useActions();
  const [held, setHeld] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const begin = (): void => {
    if (timer.current !== undefined) return;
    setHeld(true);
    timer.current = setTimeout(() => void actions.scan(REWORK_CODE), HOLD_MS);
  };
  const end = (): void => {
    clearTimeout(timer.current);
    timer.current = undefined;
    setHeld(false);
  };
  useEffect(() => () => clearTimeout(timer.current), []);

  return (
    <ButtonBase
      data-part="rework"
      onPointerDown={begin}
      onPointerUp={end}
      onPointerLeave={end}
      onKeyDown={(event) => {
        if (event.key === 'Enter') begin();
      }}
      onKeyUp={end}
      onBlur={end}
      sx={{
        minHeight: TOUCH,
        width: '100%',
        display: 'flex',
        flexDirection: 'column',
        alignItems: 'stretch',
        bgcolor: '#fff',
        color: '#000',
        borderRadius: '0.5rem',
        p: '0.125rem 0.5rem',
        touchAction: 'none',
      }}
    >
      <Barcode text={REWORK_CODE} height="2.5rem" />
      <Box sx={{ fontWeight: 700, fontSize: '1rem', textDecoration: held ? 'underline' : 'none' }}>
        {t('rework.hold')}
      </Box>
    </ButtonBase>
  );
}
