/** Lines of JSON between the tests and the runner in the guest. */
export type ToRunner =
  | {
      readonly kind: 'start';
      readonly id: number;
      readonly argv: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      /** For root's runner alone. */
      readonly user: number;
      readonly group: number;
      readonly folder: string;
    }
  | {
      readonly kind: 'call';
      readonly id: number;
      /** A module of the guest's whose `command` the runner calls itself: starting a process takes longer than most work. */
      readonly module: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'signal'; readonly id: number; readonly signal: NodeJS.Signals };

export type FromRunner =
  /** Who it is: root's comes first, and starts the others. */
  | { readonly kind: 'ready'; readonly user: number; readonly group: number }
  | { readonly kind: 'stdout' | 'stderr'; readonly id: number; readonly text: string }
  /** The code is null when a signal or a missing program ended it. */
  | { readonly kind: 'exit'; readonly id: number; readonly code: number | null };

/** What such a module exports; resolves to the exit code. */
export type CommandInRunner = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  tell: (stream: 'stdout' | 'stderr', text: string) => void,
) => Promise<number>;
