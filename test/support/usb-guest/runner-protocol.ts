/** Lines of JSON between the tests and the runner in the guest. */
export type ToRunner =
  | {
      readonly kind: 'start';
      readonly id: number;
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      /** The runner itself is root. */
      readonly user: number;
      readonly group: number;
      readonly folder: string;
    }
  | { readonly kind: 'signal'; readonly id: number; readonly signal: NodeJS.Signals };

export type FromRunner =
  | { readonly kind: 'ready' }
  | { readonly kind: 'stdout' | 'stderr'; readonly id: number; readonly text: string }
  /** The code is null when a signal or a missing program ended it. */
  | { readonly kind: 'exit'; readonly id: number; readonly code: number | null };
