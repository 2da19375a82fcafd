import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import type { Page } from '../stores/page-store.ts';
import { PageHeader } from './PageHeader.tsx';
import { usePage, useStation } from './station-context.ts';

interface SidePageProps {
  readonly name: Page;
  readonly title: string;
  readonly sentence: string;
  /** Stands in the header. */
  readonly tools: ReactNode;
  readonly children: ReactNode;
}

/** The frame of a page beside the operator's: its header, and below it a body that never makes the page scroll. */
export function SidePage({ name, title, sentence, tools, children }: SidePageProps) {
  const connection = useStation((state) => state.connection);
  const [, open] = usePage();
  return (
    <Box
      component="main"
      data-connection={connection}
      data-page={name}
      sx={{
        display: 'grid',
        gap: '0.625rem',
        p: '0.625rem',
        boxSizing: 'border-box',
        height: '100%',
        gridTemplateRows: 'auto minmax(0, 1fr)',
        gridTemplateColumns: 'minmax(0, 1fr)',
      }}
    >
      <PageHeader title={title} sentence={sentence} onBack={() => open('operator')}>
        {tools}
      </PageHeader>
      {children}
    </Box>
  );
}
