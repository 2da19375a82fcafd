import ArrowBack from '@mui/icons-material/ArrowBack';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { SlotLights } from './SlotLights.tsx';
import { COLORS } from './theme.ts';

interface PageHeaderProps {
  readonly title: string;
  /** What to do here, in one sentence. */
  readonly sentence: string;
  readonly onBack: () => void;
  readonly children?: ReactNode;
}

/** The top of a page beside the operator's: what it is for, how the slots stand meanwhile, and the way back. */
export function PageHeader({ title, sentence, onBack, children }: PageHeaderProps) {
  const { t } = useTranslation();
  return (
    <Box
      component="header"
      sx={{
        display: 'flex',
        alignItems: 'center',
        gap: '0.75rem',
        minHeight: '6.25rem',
        px: '1rem',
        borderRadius: '0.75rem',
        bgcolor: COLORS.panel,
      }}
    >
      <Box sx={{ flex: 1, minWidth: 0 }}>
        <Box component="h1" sx={{ m: 0, fontSize: '1.75rem', fontWeight: 700, lineHeight: 1.15 }}>
          {title}
        </Box>
        <Box role="status" data-part="instruction" sx={{ fontSize: '1.0625rem', lineHeight: 1.2 }}>
          {sentence}
        </Box>
      </Box>
      <SlotLights />
      {children}
      <Button
        data-part="back"
        color="inherit"
        variant="outlined"
        startIcon={<ArrowBack />}
        onClick={onBack}
        sx={{ flexShrink: 0 }}
      >
        {t('page.back')}
      </Button>
    </Box>
  );
}
