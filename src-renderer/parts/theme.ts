import { createTheme, type Theme } from '@mui/material/styles';

/** One rem is a 45th of the screen's height (16 px at 720, 24 px at 1080), so that all sizes keep their share. */
const REM = 'clamp(11px, min(1.25vw, 2.22223vh), 40px)';

/** 20 mm at 96 dpi: what a gloved finger hits. Never less, whatever the screen. */
export const TOUCH = 'max(76px, 4.75rem)';

const SANS =
  '"Segoe UI", "Noto Sans", Roboto, "Microsoft YaHei", "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", sans-serif';
/** Width of a barcode's narrowest bar: whole pixels, so that edges stay sharp. */
const BARCODE_MODULE = {
  '--module': '2px',
  '@media (min-width: 1900px) and (min-height: 1000px)': { '--module': '3px' },
};

export const MONO = '"Cascadia Mono", "Noto Sans Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace';

/** Grey at rest (ISA-101): colour is kept for what needs a hand. Every pair here has a contrast of 4.5 or more. */
export const COLORS = {
  page: '#D9DCDF',
  panel: '#E9EBED',
  tile: '#F3F4F5',
  line: '#B9BFC5',
  text: '#1B2026',
  quiet: '#535C66',
  work: '#46586B',
  act: '#0B4F9E',
  pass: '#146C35',
  fail: '#B01E17',
  error: '#F5B301',
  stopped: '#4A525B',
} as const;

export function createStationTheme(): Theme {
  return createTheme({
    palette: {
      primary: { main: COLORS.act },
      error: { main: COLORS.fail },
      text: { primary: COLORS.text, secondary: COLORS.quiet },
      background: { default: COLORS.page, paper: COLORS.tile },
    },
    typography: { fontFamily: SANS, button: { textTransform: 'none', fontWeight: 700 } },
    shape: { borderRadius: 8 },
    transitions: { create: () => 'none' },
    components: {
      MuiCssBaseline: {
        styleOverrides: {
          html: { fontSize: REM, height: '100%', ...BARCODE_MODULE },
          body: { height: '100%', fontVariantNumeric: 'tabular-nums lining-nums', userSelect: 'none' },
          '#root': { height: '100%' },
          // Fonts for Chinese draw “these” as wide as a character unless told otherwise.
          'body:lang(en)': { fontVariantEastAsian: 'proportional-width' },
          '*:focus-visible': { outline: `4px solid ${COLORS.text} !important`, outlineOffset: '2px' },
        },
      },
      MuiButtonBase: { defaultProps: { disableRipple: true }, styleOverrides: { root: { fontFamily: SANS } } },
      MuiButton: {
        defaultProps: { disableElevation: true },
        styleOverrides: {
          root: { minHeight: TOUCH, minWidth: TOUCH, fontSize: '1.25rem', lineHeight: 1.15, borderRadius: 8 },
        },
      },
    },
  });
}
