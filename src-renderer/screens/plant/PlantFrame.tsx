import CloudOff from '@mui/icons-material/CloudOff';
import Search from '@mui/icons-material/Search';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { listenToDeskScanner } from '../../parts/plant/desk-scanner.ts';
import { LanguageButton } from '../../parts/plant/LanguageButton.tsx';
import { Mark } from '../../parts/plant/Mark.tsx';
import { PasswordDialog } from '../../parts/plant/PasswordDialog.tsx';
import { useAct, useAsk, usePerson } from '../../parts/plant/plant-context.ts';
import { zonedTime } from '../../parts/plant/plant-format.ts';
import { CONTROL } from '../../parts/plant/plant-theme.ts';
import { useNow } from '../../parts/plant/use-now.ts';
import { COLORS, MONO } from '../../parts/theme.ts';
import { pagesFor } from '../../stores/plant-pages.ts';
import { isUnreachable, signIn } from '../../stores/plant-queries.ts';
import { useTodos } from './use-todos.ts';

/** What stands around every page: where one is, who one is, and the field (and the scanner) that trace a serial. */
export function PlantFrame({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Box
      sx={{
        height: '100vh',
        display: 'grid',
        gridTemplateColumns: '11.5rem minmax(0, 1fr)',
        '@media (max-width: 800px)': { gridTemplateColumns: 'minmax(0, 1fr)', height: 'auto' },
        '@media print': { display: 'block', height: 'auto' },
      }}
    >
      <Box component="a" href="#content" sx={SKIP}>
        {t('frame.skip')}
      </Box>
      <Side />
      <Box sx={{ minHeight: 0, overflow: 'auto', '@media print': { overflow: 'visible' } }}>
        <Gone />
        <Box component="main" id="content" tabIndex={-1} sx={{ p: '0.75rem 1rem 1rem', outline: 'none !important' }}>
          {children}
        </Box>
      </Box>
    </Box>
  );
}

function Side() {
  const { t } = useTranslation();
  const about = useAsk('plant.about').data;
  return (
    <Box component="header" sx={SIDE}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: '0.5rem', minHeight: '2.5rem' }}>
        <Mark size={28} />
        <Box sx={{ minWidth: 0, lineHeight: 1.15 }}>
          <Box sx={{ fontWeight: 800, overflowWrap: 'anywhere' }}>{about?.name ?? '…'}</Box>
          <Box sx={{ fontSize: '0.75rem', color: COLORS.quiet }}>{t('frame.plant')}</Box>
        </Box>
      </Box>
      <SerialField />
      <Navigation />
      <Box sx={{ flex: 1 }} />
      <Who />
    </Box>
  );
}

/** Scanner, field and `/`: from any page to a serial. */
function SerialField() {
  const { t } = useTranslation();
  const [, go] = useLocation();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  const trace = (serial: string): void => {
    setText('');
    const wanted = serial.trim().slice(0, 128);
    if (wanted !== '') go(`/trace?serial=${encodeURIComponent(wanted)}`);
  };
  const latest = useRef(trace);
  useLayoutEffect(() => {
    latest.current = trace;
  });
  useEffect(() => listenToDeskScanner(document, (code) => latest.current(code)), []);
  useEffect(() => {
    const down = (event: KeyboardEvent): void => {
      const typing = event.target instanceof Element && event.target.matches('input, textarea, select');
      if (event.key !== '/' || typing || document.querySelector('[role="dialog"]') !== null) return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    trace(text);
  };
  return (
    <Box component="form" role="search" onSubmit={submit} sx={{ position: 'relative' }}>
      <Box
        component="input"
        type="text"
        ref={field}
        aria-label={t('frame.serial')}
        placeholder={t('frame.serial_short')}
        title={t('frame.serial_help')}
        autoComplete="off"
        spellCheck={false}
        maxLength={128}
        value={text}
        onChange={(event: { target: { value: string } }) => setText(event.target.value)}
        sx={FIELD}
      />
      <Box component="button" type="submit" aria-label={t('frame.trace')} sx={FIELD_BUTTON}>
        <Search />
      </Box>
    </Box>
  );
}

function Navigation() {
  const { t } = useTranslation();
  const person = usePerson();
  const [location] = useLocation();
  const waiting = useTodos().todos;
  return (
    <Box component="nav" aria-label={t('frame.pages')}>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {pagesFor(person.roles).map(({ name, path }) => {
          const count = waiting.filter(({ page }) => page === path).reduce((sum, todo) => sum + todo.count, 0);
          return (
            <li key={name}>
              <Box
                component={Link}
                href={path}
                aria-current={location === path ? 'page' : undefined}
                data-page={name}
                sx={NAV_LINK}
              >
                <span>{t(`page.${name}`)}</span>
                {count > 0 && (
                  <Box component="span" aria-label={t('frame.waiting', { count })} sx={COUNT}>
                    {count}
                  </Box>
                )}
              </Box>
            </li>
          );
        })}
      </Box>
    </Box>
  );
}

function Who() {
  const { t } = useTranslation();
  const person = usePerson();
  const queries = useQueryClient();
  const close = useAct('session.close');
  const [changing, setChanging] = useState(false);
  const signOut = (): void => close.mutate({}, { onSuccess: () => signIn(queries, null) });
  return (
    <Box sx={{ display: 'flex', flexDirection: 'column', gap: '0.375rem' }}>
      <Box sx={{ lineHeight: 1.25 }}>
        <Box sx={{ fontWeight: 700, overflowWrap: 'anywhere' }}>{person.name}</Box>
        <Box sx={{ fontSize: '0.75rem', color: COLORS.quiet }}>
          {person.roles.map((role) => t(`role.${role}`)).join(', ')}
        </Box>
      </Box>
      <LanguageButton />
      <Button onClick={() => setChanging(true)}>{t('password.open')}</Button>
      <Button data-part="sign-out" onClick={signOut} disabled={close.isPending}>
        {t('frame.sign_out')}
      </Button>
      {changing && <PasswordDialog onClose={() => setChanging(false)} />}
    </Box>
  );
}

/** Said once for all pages; they try again by themselves. */
function Gone() {
  const { t, i18n } = useTranslation();
  const now = useNow(1000);
  const gone = useAsk('plant.about', undefined, { every: 15_000 });
  const lost = isUnreachable(gone.error);
  useAsk('plant.about', undefined, { every: 2000, enabled: lost });
  useRecovery(lost);
  if (!lost) return null;
  return (
    <Box role="alert" data-part="gone" sx={GONE}>
      <CloudOff />
      <span>
        {t('frame.gone', {
          when: zonedTime(new Date(gone.dataUpdatedAt === 0 ? now : gone.dataUpdatedAt).toISOString(), i18n.language),
        })}
      </span>
    </Box>
  );
}

function useRecovery(lost: boolean): void {
  const queries = useQueryClient();
  const wasLost = useRef(false);
  useEffect(() => {
    if (wasLost.current && !lost) void queries.invalidateQueries();
    wasLost.current = lost;
  }, [lost, queries]);
}

const SKIP = {
  position: 'absolute',
  left: '-100rem',
  '&:focus': { left: '0.5rem', top: '0.5rem', zIndex: 10, bgcolor: '#fff', p: '0.5rem' },
} as const;
const SIDE = {
  display: 'flex',
  flexDirection: 'column',
  gap: '0.5rem',
  p: '0.75rem',
  bgcolor: COLORS.panel,
  minHeight: 0,
  overflow: 'auto',
  '@media print': { display: 'none' },
} as const;
const FIELD = {
  boxSizing: 'border-box',
  width: '100%',
  height: CONTROL,
  pl: '0.5rem',
  pr: '2.25rem',
  border: `1px solid ${COLORS.quiet}`,
  borderRadius: '0.375rem',
  bgcolor: '#fff',
  color: COLORS.text,
  fontFamily: MONO,
  fontSize: '0.875rem',
  '&::placeholder': { color: COLORS.quiet, opacity: 1 },
} as const;
const FIELD_BUTTON = {
  position: 'absolute',
  right: 0,
  top: 0,
  width: CONTROL,
  height: CONTROL,
  border: 0,
  bgcolor: 'transparent',
  color: COLORS.text,
  cursor: 'pointer',
  display: 'grid',
  placeItems: 'center',
} as const;
const NAV_LINK = {
  display: 'flex',
  alignItems: 'center',
  justifyContent: 'space-between',
  minHeight: '1.875rem',
  px: '0.5rem',
  borderRadius: '0.375rem',
  color: COLORS.text,
  textDecoration: 'none',
  '&:hover': { bgcolor: COLORS.page },
  '&[aria-current=page]': { bgcolor: COLORS.work, color: '#fff', fontWeight: 700 },
} as const;
const COUNT = {
  minWidth: '1.25rem',
  px: '0.25rem',
  textAlign: 'center',
  borderRadius: '0.625rem',
  bgcolor: COLORS.error,
  color: '#000',
  fontSize: '0.75rem',
  fontWeight: 700,
} as const;
const GONE = {
  position: 'sticky',
  top: 0,
  zIndex: 5,
  display: 'flex',
  gap: '0.5rem',
  alignItems: 'center',
  p: '0.5rem 1rem',
  bgcolor: COLORS.error,
  color: '#000',
  fontWeight: 700,
} as const;
