import Box from '@mui/material/Box';
import type { ReactNode } from 'react';
import { COLORS } from '../theme.ts';

export interface Column<R> {
  readonly key: string;
  readonly head: ReactNode;
  readonly render: (row: R) => ReactNode;
  /** Numbers stand at the right, under each other. */
  readonly number?: boolean;
}

interface TableProps<R> {
  /** For screen readers, and for tests. */
  readonly name: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly keyOf: (row: R) => string | number;
  /** Rows that are over: greyed. */
  readonly faded?: (row: R) => boolean;
}

export function Table<R>({ name, columns, rows, keyOf, faded }: TableProps<R>) {
  return (
    <Box sx={{ overflowX: 'auto', bgcolor: COLORS.tile, borderRadius: '0.5rem' }}>
      <Box component="table" aria-label={name} sx={TABLE}>
        <thead>
          <tr>
            {columns.map(({ key, head, number }) => (
              <th key={key} scope="col" data-number={number}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} data-row={keyOf(row)} data-faded={faded?.(row)}>
              {columns.map(({ key, render, number }) => (
                <td key={key} data-column={key} data-number={number}>
                  {render(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </Box>
    </Box>
  );
}

const TABLE = {
  width: '100%',
  borderCollapse: 'collapse',
  fontSize: '0.8125rem',
  '& th': { textAlign: 'start', color: COLORS.quiet, fontWeight: 600, whiteSpace: 'nowrap' },
  '& td[data-column=at]': { whiteSpace: 'nowrap' },
  '& th, & td': {
    p: '0.375rem 0.625rem',
    borderBottom: `1px solid ${COLORS.line}`,
    verticalAlign: 'top',
    overflowWrap: 'anywhere',
  },
  '& tbody tr:last-child td': { borderBottom: 0 },
  '& [data-number=true]': { textAlign: 'end', whiteSpace: 'nowrap' },
  '& tr[data-faded=true] td': { color: COLORS.quiet },
  '@media print': { '& th, & td': { p: '1mm 2mm' } },
} as const;
