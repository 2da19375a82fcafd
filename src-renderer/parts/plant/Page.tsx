import Box from '@mui/material/Box';
import { useEffect, useRef, type ReactNode } from 'react';
import { COLORS } from '../theme.ts';

interface PageProps {
  readonly title: string;
  /** One plain sentence: how things stand here, or what to do next. */
  readonly next: ReactNode;
  /** Buttons at the right of the title. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** A page within the frame: its name, what to do next, and its content below. */
export function Page({ title, next, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Flashline`;
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <Box sx={{ display: 'flex', flexDirection: 'column', gap: '0.75rem', minWidth: 0 }}>
      <Box sx={{ display: 'flex', alignItems: 'center', gap: '1rem', minHeight: '2.5rem' }}>
        <Box sx={{ flex: 1, minWidth: 0 }}>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          <Box role="status" data-part="next" sx={{ color: COLORS.quiet, overflowWrap: 'anywhere' }}>
            {next}
          </Box>
        </Box>
        {actions !== undefined && <Box sx={{ display: 'flex', gap: '0.5rem' }}>{actions}</Box>}
      </Box>
      {children}
    </Box>
  );
}

/** A plane of its own for what belongs together. */
export function Card({ title, children }: { readonly title?: ReactNode; readonly children: ReactNode }) {
  return (
    <Box
      component="section"
      sx={{ bgcolor: COLORS.tile, borderRadius: '0.5rem', p: '0.75rem', minWidth: 0, '& > h2': { mb: '0.5rem' } }}
    >
      {title !== undefined && <h2>{title}</h2>}
      {children}
    </Box>
  );
}
