/** One row of a CSV file (RFC 4180): its cells, and the line (from 1) that it begins in. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/** Quoted cells may hold commas, doubled quotes and ends of line. Lines that begin with `#`, and empty ones, are left out. */
export function csvRows(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  const lines = text.replace(/^\uFEFF/u, '').split(/\r\n|\n|\r/u);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let row = lines[index] ?? '';
    if (row.startsWith('#') || row.trim() === '') continue;
    // A quote that is open at the end of the line goes on in the next.
    let open = hasOpenQuote(row);
    while (open && index + 1 < lines.length) {
      const next = lines[++index] ?? '';
      row += `\n${next}`;
      if (hasOpenQuote(next)) open = false;
    }
    rows.push({ line, cells: cellsOf(row) });
  }
  return rows;
}

function hasOpenQuote(line: string): boolean {
  return ((line.match(/"/gu) ?? []).length & 1) === 1;
}

function cellsOf(row: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < row.length; at++) {
    const character = row[at] ?? '';
    if (character === '"' && quoted && row[at + 1] === '"') cell += row[at++];
    else if (character === '"' && (quoted || cell === '')) quoted = !quoted;
    else if (character === ',' && !quoted) {
      cells.push(cell);
      cell = '';
    } else cell += character;
  }
  return [...cells, cell];
}
