type Cell = string | number | boolean | null;

/** Rows turned into the columns that `unnest` takes: one statement for any number of rows. */
export function columns<T>(rows: readonly T[], cells: readonly ((row: T) => Cell)[]): readonly (readonly Cell[])[] {
  return cells.map((cell) => rows.map(cell));
}

/** A row's own array inside such a column: PostgreSQL's array literal, to be cast. */
export function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
}

/** As PostgreSQL reads it; years 1 to 9999. */
export function instantText(ms: number): string {
  return new Date(ms).toISOString();
}
