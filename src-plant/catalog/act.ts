/** Who does something, when, and to which products he is bound (null: to none). */
export interface Act {
  readonly who: string;
  readonly now: Date;
  readonly scope: readonly string[] | null;
}

/** `column` is among the products of the text array `parameter`, where that is not null. */
export function inScope(column: string, parameter: string): string {
  return `(${parameter}::text[] IS NULL OR ${column} = ANY (${parameter}::text[]))`;
}
