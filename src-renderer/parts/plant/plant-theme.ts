import { createTheme, type Theme } from '@mui/material/styles';
import { COLORS, MONO } from '../theme.ts';

const SANS =
  '"Segoe UI", "Noto Sans", Roboto, "Microsoft YaHei", "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';

/** A field's and a button's height: for a desk with mouse and keyboard, and still hit by a finger. */
export const CONTROL = '2.25rem';

/** Of the station's family (grey at rest, the same colours for the same things), denser: it is read at arm's length. */
export function createPlantTheme(): Theme {
  return createTheme({
    palette: {
      primary: { main: COLORS.act },
      error: { main: COLORS.fail },
      text: { primary: COLORS.text, secondary: COLORS.quiet },
      background: { default: COLORS.page, paper: COLORS.tile },
    },
    typography: { fontFamily: SANS, fontSize: 13, button: { textTransform: 'none', fontWeight: 700 } },
    shape: { borderRadius: 6 },
    transitions: { create: () => 'none' },
    components: {
      MuiCssBaseline: { styleOverrides: BASELINE },
      MuiButtonBase: { defaultProps: { disableRipple: true }, styleOverrides: { root: { fontFamily: SANS } } },
      MuiButton: {
        defaultProps: { disableElevation: true, variant: 'outlined', color: 'inherit' },
        styleOverrides: {
          root: { minHeight: CONTROL, lineHeight: 1.15, whiteSpace: 'nowrap', padding: '0.25rem 0.75rem' },
        },
      },
      MuiTextField: { defaultProps: { size: 'small', fullWidth: true } },
      MuiOutlinedInput: {
        styleOverrides: {
          root: {
            backgroundColor: '#fff',
            '&.Mui-focused .MuiOutlinedInput-notchedOutline': { borderColor: COLORS.text, borderWidth: 3 },
          },
          notchedOutline: { borderColor: COLORS.quiet },
          // The field's own border shows the focus; a second outline would cut through its label.
          input: { '&:focus-visible': { outline: 'none !important' } },
        },
      },
      MuiDialog: { defaultProps: { transitionDuration: 0, fullWidth: true, maxWidth: 'sm' } },
    },
  });
}

const BASELINE = {
  body: { fontSize: '0.875rem', lineHeight: 1.4, fontVariantNumeric: 'tabular-nums lining-nums' },
  'body:lang(en)': { fontVariantEastAsian: 'proportional-width' },
  h1: { fontSize: '1.25rem', lineHeight: 1.2, margin: 0 },
  h2: { fontSize: '1rem', lineHeight: 1.25, margin: 0 },
  h3: { fontSize: '0.875rem', lineHeight: 1.25, margin: 0 },
  a: { color: COLORS.act },
  code: { fontFamily: MONO, fontSize: '0.8125rem', overflowWrap: 'anywhere' },
  '*:focus-visible': { outline: `3px solid ${COLORS.text} !important`, outlineOffset: '1px' },
  // Where the reading begins after a change of page, or in a dialog: focused for screen readers, no control.
  'h1:focus, .MuiDialog-container:focus': { outline: 'none !important' },
  '@media print': { body: { backgroundColor: '#fff', color: '#000' } },
} as const;
