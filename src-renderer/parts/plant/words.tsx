import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { Verdict } from '#shared/model/failure.ts';
import { COLORS, MONO } from '../theme.ts';
import { VERDICT_LOOKS } from '../verdict-look.ts';
import { span, utcTime, zonedTime } from './plant-format.ts';

/** A time as it is here, with its zone; in UTC under the pointer. */
export function Moment({ at }: { readonly at: string }) {
  const { i18n } = useTranslation();
  return (
    <time dateTime={at} title={utcTime(at)}>
      {zonedTime(at, i18n.language)}
    </time>
  );
}

/** How long ago; the time itself under the pointer. */
export function Ago({ at, now }: { readonly at: string; readonly now: number }) {
  const { t, i18n } = useTranslation();
  return (
    <time dateTime={at} title={`${zonedTime(at, i18n.language)} · ${utcTime(at)}`}>
      {t('common.ago', { span: span(now - Date.parse(at), i18n.language) })}
    </time>
  );
}

/** The beginning of a hash, all of it under the pointer and in the clipboard. */
export function Hash({ value }: { readonly value: string }) {
  return (
    <code title={value} data-hash={value}>
      {value.slice(0, 12)}…
    </code>
  );
}

/** A verdict in its colour only where it asks for something: a PASS at a desk is at rest. */
export function VerdictWord({ verdict, large = false }: { readonly verdict: Verdict; readonly large?: boolean }) {
  const { t } = useTranslation();
  const { background, color, icon: Icon } = VERDICT_LOOKS[verdict];
  const rest = verdict === 'PASS' && !large;
  return (
    <Box
      component="span"
      data-verdict={verdict}
      sx={{
        display: 'inline-flex',
        alignItems: 'center',
        gap: '0.25rem',
        px: '0.375rem',
        borderRadius: '0.25rem',
        fontWeight: 700,
        whiteSpace: 'nowrap',
        fontSize: large ? '1.125rem' : 'inherit',
        bgcolor: rest ? 'transparent' : background,
        color: rest ? COLORS.pass : color,
      }}
    >
      <Icon sx={{ fontSize: '1.1em' }} />
      {t(`verdict.${verdict}`)}
    </Box>
  );
}

type Tone = 'rest' | 'note' | 'alarm' | 'good';

const TONES = {
  rest: { bgcolor: 'transparent', color: COLORS.quiet, border: `1px solid ${COLORS.line}` },
  note: { bgcolor: '#fff', color: COLORS.text, border: `1px solid ${COLORS.text}` },
  alarm: { bgcolor: COLORS.error, color: '#000', border: `1px solid ${COLORS.error}` },
  good: { bgcolor: 'transparent', color: COLORS.text, border: `1px solid ${COLORS.quiet}` },
} as const satisfies Record<Tone, unknown>;

/** A state in a word or two. */
export function Tag({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <Box
      component="span"
      data-tone={tone}
      sx={{ display: 'inline-block', px: '0.375rem', borderRadius: '0.25rem', whiteSpace: 'nowrap', ...TONES[tone] }}
    >
      {children}
    </Box>
  );
}

export function SerialLink({ serial }: { readonly serial: string }) {
  return (
    <Link href={`/trace?serial=${encodeURIComponent(serial)}`} style={{ fontFamily: MONO }}>
      {serial}
    </Link>
  );
}

/** Name, value, and whether the value is long and needs a line of its own. */
export type Fact = readonly [name: string, value: ReactNode, long?: boolean];

/** Name and value pairs, as many beside each other as have room. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <Box
      component="dl"
      sx={{
        m: 0,
        display: 'grid',
        gridTemplateColumns: 'repeat(auto-fill, minmax(15rem, 1fr))',
        gap: '0.25rem 1rem',
        '& dt': { color: COLORS.quiet, fontSize: '0.75rem' },
        '& dd': { m: 0, overflowWrap: 'anywhere' },
      }}
    >
      {facts.map(([name, value, long = false]) => (
        <Box key={name} sx={long ? { gridColumn: '1 / -1' } : {}}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Box>
      ))}
    </Box>
  );
}

/** Something that is shown once, large enough to be read out, with a button that copies it. */
export function Secret({ value, label }: { readonly value: string; readonly label: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState<'no' | 'yes' | 'by-hand'>('no');
  const copy = (): void => {
    // Browsers keep the clipboard from pages that did not come over TLS.
    const written = navigator.clipboard?.writeText(value) ?? Promise.reject(new Error('no clipboard'));
    written.then(
      () => setCopied('yes'),
      () => setCopied('by-hand'),
    );
  };
  return (
    <Box sx={{ display: 'flex', flexDirection: 'column', gap: '0.5rem' }}>
      <Box
        component="output"
        aria-label={label}
        data-part="secret"
        sx={{
          fontFamily: MONO,
          fontSize: value.length > 60 ? '1.125rem' : '1.5rem',
          fontWeight: 700,
          p: '0.75rem',
          bgcolor: '#fff',
          border: `2px solid ${COLORS.text}`,
          borderRadius: '0.375rem',
          overflowWrap: 'anywhere',
          userSelect: 'all',
        }}
      >
        {value}
      </Box>
      <Box sx={{ display: 'flex', gap: '0.75rem', alignItems: 'center' }}>
        <Button onClick={copy}>{t('common.copy')}</Button>
        <span role="status">{copied === 'no' ? '' : t(`common.copied_${copied}`)}</span>
      </Box>
    </Box>
  );
}
