import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import { kibibytes } from './format.ts';
import type { SlotProps } from './slot-props.ts';

/** Of a unit that comes again: how much of it is written, how much is kept, and how that is known. */
export function PagesLine({ slot }: SlotProps) {
  const { t, i18n } = useTranslation();
  const { pages, rework } = slot;
  if (pages === null || !rework) return null;
  const kept = pages.filter(({ action }) => action === 'keep');
  const sum = (some: typeof pages) =>
    kibibytes(
      some.reduce((all, { bytes }) => all + bytes, 0),
      i18n.language,
    );
  const reasons = kept.length > 0 ? kept : pages;
  return (
    <Box data-part="pages" sx={{ fontSize: '0.875rem', lineHeight: 1.2 }}>
      {t('pages.line', {
        written: sum(pages.filter(({ action }) => action === 'write')),
        kept: sum(kept),
        why: reasons.map(({ reason }) => t(`pages.${reason}`)).join(', '),
      })}
    </Box>
  );
}
