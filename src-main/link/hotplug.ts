import type { IoContext } from '#shared/base/clock.ts';
import type { ProbeAccess } from './usb-probe.ts';

/** What is watched of something on USB. */
export interface Watched {
  readonly url: string;
  readonly portPath: string;
  /** New at each plugging in. */
  readonly device: string;
  readonly access: ProbeAccess;
  /** By which of its interfaces it is used, where it has several. */
  readonly interface?: string;
}

/** `changed`: the same probe, but it may be opened now, or another program took it. */
export interface ProbeChange<T extends Watched = Watched> {
  readonly change: 'added' | 'removed' | 'changed';
  readonly probe: T;
}

export interface WatchOptions<T extends Watched> {
  readonly list: () => Promise<readonly T[]>;
  /** Asks the system to call when USB devices come or go; resolves to what takes that back. Left out, there is polling alone. */
  readonly hints?: (poke: () => void) => Promise<() => Promise<void>>;
  /** Between two looks in milliseconds, whether or not hints come: a hint is lost where no udev daemon runs. */
  readonly intervalMs: number;
}

/**
 * Tells of what is on USB as it comes and goes, first of what is there. Resolves when the signal aborts, with
 * everything let go; rejects when listing fails. `onChange` is called for one change at a time, a removal first.
 */
export async function watchProbes<T extends Watched>(
  { list, hints, intervalMs }: WatchOptions<T>,
  io: IoContext,
  onChange: (change: ProbeChange<T>) => void,
): Promise<void> {
  let known: readonly T[] = [];
  const pause = new Pause(io, intervalMs);
  // Without hints polling does it, only later.
  const stopHints = await hints?.(() => pause.end()).catch(() => undefined);
  try {
    while (!io.signal.aborted) {
      const now = await list();
      if (io.signal.aborted) return;
      for (const change of changesBetween(known, now)) onChange(change);
      known = now;
      await pause.wait();
    }
  } finally {
    await stopHints?.();
  }
}

/** What happened between two looks, by port path and kind. What was replaced in between is removed, then added. */
function changesBetween<T extends Watched>(before: readonly T[], after: readonly T[]): ProbeChange<T>[] {
  const isSame = (a: T) => (b: T) =>
    a.portPath === b.portPath && a.device === b.device && kindOf(a.url) === kindOf(b.url);
  const removed = before.filter((probe) => !after.some(isSame(probe)));
  const later = after.flatMap((probe): ProbeChange<T>[] => {
    const earlier = before.find(isSame(probe));
    if (!earlier) return [{ change: 'added', probe }];
    const same = earlier.access === probe.access && earlier.url === probe.url && earlier.interface === probe.interface;
    return same ? [] : [{ change: 'changed', probe }];
  });
  return [...removed.map((probe) => ({ change: 'removed' as const, probe })), ...later];
}

/** What stands before the place: `spi:ftdi` of `spi:ftdi:@1-2`. One device may be several kinds of probe. */
export function kindOf(url: string): string {
  return url.slice(0, url.lastIndexOf(':'));
}

/** A wait that something else can cut short, also just before it begins. */
class Pause {
  readonly #io: IoContext;
  readonly #ms: number;
  #cut = new AbortController();

  constructor(io: IoContext, ms: number) {
    this.#io = io;
    this.#ms = ms;
  }

  end(): void {
    this.#cut.abort();
  }

  async wait(): Promise<void> {
    const { clock, signal } = this.#io;
    try {
      await clock.sleep(this.#ms, AbortSignal.any([signal, this.#cut.signal]));
    } catch (error) {
      if (!signal.aborted && !this.#cut.signal.aborted) throw error;
    }
    this.#cut = new AbortController();
  }
}
