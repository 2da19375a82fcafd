import CloudDone from '@mui/icons-material/CloudDone';
import CloudOff from '@mui/icons-material/CloudOff';
import CloudSync from '@mui/icons-material/CloudSync';
import ManageSearch from '@mui/icons-material/ManageSearch';
import ReportProblem from '@mui/icons-material/ReportProblem';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useTranslation } from 'react-i18next';
import { syncWords, type SyncWords } from '../stores/sync-words.ts';
import type { Page } from '../stores/page-store.ts';
import { syncParams } from './format.ts';
import { useNow } from './use-now.ts';
import { usePage, useStation } from './station-context.ts';
import { COLORS } from './theme.ts';

const TITLES: Readonly<Record<SyncWords['title'], typeof CloudDone>> = {
  off: CloudOff,
  sent: CloudDone,
  sending: CloudSync,
  unreached: CloudOff,
  refused: ReportProblem,
  lease_over: ReportProblem,
  clock: ReportProblem,
};

const TONES = {
  rest: { bgcolor: 'transparent', color: COLORS.text },
  note: { bgcolor: '#fff', color: COLORS.text },
  alarm: { bgcolor: COLORS.error, color: '#000000' },
} as const;

/** The way to the unit log, and how the station stands with its plant: in the frame of every page. */
export function FrameButtons({ here }: { readonly here: Page }) {
  const { t } = useTranslation();
  const [, open] = usePage();
  return (
    <Box sx={{ display: 'grid', gridTemplateColumns: '1fr 2fr', gap: '0.375rem' }}>
      <Button
        data-part="open-log"
        color="inherit"
        variant="outlined"
        disabled={here === 'log'}
        aria-keyshortcuts="F3"
        onClick={() => open('log')}
        sx={{ flexDirection: 'column', p: '0.25rem', fontSize: '0.8125rem', fontWeight: 400, minWidth: 0 }}
      >
        <ManageSearch />
        <span>{t('page.log')}</span>
        <b>F3</b>
      </Button>
      <PlantButton here={here} />
    </Box>
  );
}

function PlantButton({ here }: { readonly here: Page }) {
  const { t, i18n } = useTranslation();
  const [, open] = usePage();
  const sync = useStation((state) => state.sync);
  const now = useNow(MINUTE_MS);
  if (sync === null) return <Box />;
  const { tone, title, detail, params } = syncWords(sync, now);
  const Icon = TITLES[title];
  const words = syncParams(params, i18n.language);
  return (
    <Button
      data-part="plant"
      data-tone={tone}
      color="inherit"
      variant="outlined"
      disabled={here === 'plant'}
      aria-keyshortcuts="F4"
      onClick={() => open('plant')}
      sx={{
        ...TONES[tone],
        justifyContent: 'flex-start',
        gap: '0.375rem',
        p: '0.25rem 0.5rem',
        textAlign: 'left',
        fontSize: '0.8125rem',
        fontWeight: 400,
        lineHeight: 1.2,
        minWidth: 0,
        '&.Mui-disabled': { color: TONES[tone].color, opacity: 1 },
      }}
    >
      <Icon sx={{ fontSize: '1.75rem' }} />
      <Box component="span" sx={{ display: 'block', minWidth: 0 }}>
        <Box component="b" sx={{ display: 'block' }}>
          {t(`sync.${title}`, words)}
        </Box>
        {t(`sync.${detail}`, words)}
      </Box>
    </Button>
  );
}

const MINUTE_MS = 60_000;
