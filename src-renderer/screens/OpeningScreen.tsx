import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { LogOpening } from '#shared/model/log-opening.ts';
import { COLORS } from '../parts/theme.ts';
import { type Language, LANGUAGES } from '../stores/settings-store.ts';

const SENTENCE = { fontSize: '2.75rem', fontWeight: 700, lineHeight: 1.25 } as const;

/** One page, two languages: each has its own width of commas, whatever the page's is. */
const WIDTHS = { en: 'proportional-width', 'zh-CN': 'normal' } as const satisfies Record<Language, string>;

/**
 * While the station's log takes long to open there is nothing to work with yet, but somebody stands before the screen. In both
 * languages: which one this station is set to stands in the log.
 */
export function OpeningScreen({ opening: { step, percent } }: { readonly opening: LogOpening }) {
  const { i18n } = useTranslation();
  return (
    <Box
      component="main"
      data-page="opening"
      data-step={step}
      sx={{
        height: '100%',
        boxSizing: 'border-box',
        p: '2.5rem 4rem',
        display: 'flex',
        flexDirection: 'column',
        justifyContent: 'center',
        gap: '2rem',
      }}
    >
      <Figure percent={percent} />
      {LANGUAGES.map((language) => (
        <Box key={language} lang={language} sx={{ ...SENTENCE, fontVariantEastAsian: WIDTHS[language] }}>
          {i18n.getFixedT(language)(`opening.${step}`)}
        </Box>
      ))}
    </Box>
  );
}

function Figure({ percent }: Pick<LogOpening, 'percent'>) {
  if (percent === null) return null;
  return (
    <Box role="progressbar" aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <Box sx={{ fontSize: '9rem', fontWeight: 700, lineHeight: 1.1 }}>{percent} %</Box>
      <Box sx={{ height: '2rem', borderRadius: '1rem', overflow: 'hidden', bgcolor: COLORS.line }}>
        <Box sx={{ height: '100%', width: `${percent}%`, bgcolor: COLORS.work }} />
      </Box>
    </Box>
  );
}
