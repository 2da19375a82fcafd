import { parseArgs } from 'node:util';

export interface ShellOptions {
  /** The virtual bench instead of probes. */
  readonly bench: boolean;
  /** A release's path; null for the bench's own. */
  readonly release: string | null;
  /** URLs of probes, one slot each. */
  readonly probes: readonly string[];
  /** Full screen, without the system's frame: for stations that show nothing else. */
  readonly kiosk: boolean;
  /** No window on the screen: for checks that drive the app from outside. */
  readonly hidden: boolean;
}

/** Reads our arguments from among Chromium's, which are none of our business. */
export function shellOptions(argv: readonly string[]): ShellOptions {
  const { values } = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      bench: { type: 'boolean' },
      release: { type: 'string' },
      probe: { type: 'string', multiple: true },
      kiosk: { type: 'boolean' },
      hidden: { type: 'boolean' },
    },
  });
  return {
    bench: values['bench'] === true,
    release: typeof values['release'] === 'string' ? values['release'] : null,
    probes: (values['probe'] ?? []).filter((url) => typeof url === 'string'),
    kiosk: values['kiosk'] === true,
    hidden: values['hidden'] === true,
  };
}
