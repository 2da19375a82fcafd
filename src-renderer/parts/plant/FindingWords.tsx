import Box from '@mui/material/Box';
import { useTranslation } from 'react-i18next';
import type { Finding } from '#shared/contract/plant/web-messages.ts';
import { COLORS } from '../theme.ts';
import { SerialLink } from './words.tsx';

/** What does not fit together, in words, with what is known of it. */
export function FindingWords({ finding }: { readonly finding: Finding }) {
  const { t } = useTranslation();
  const { kind, product, serial, station, detail } = finding;
  const facts = [
    ...(product === null ? [] : [[t('word.product'), product] as const]),
    ...(station === null ? [] : [[t('word.station'), station] as const]),
    ...Object.entries(detail).map(([name, value]) => [t(`detail.${name}`, name), valueOf(name, value)] as const),
  ];
  return (
    <Box sx={{ minWidth: 0, overflowWrap: 'anywhere' }}>
      <b>{t(`finding.${kind}`)}</b> {serial !== null && <SerialLink serial={serial} />}
      <Box sx={{ color: COLORS.quiet }}>{facts.map(([name, value]) => `${name}: ${value}`).join(' · ')}</Box>
    </Box>
  );
}

/** As somebody says it who sets a clock: in seconds. */
function valueOf(name: string, value: string): string {
  return name === 'skewMs' ? String(Math.round(Number(value) / 1000)) : value;
}
