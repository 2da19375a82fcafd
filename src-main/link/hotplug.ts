import type { IoContext } from '#shared/base/clock.ts';
import type { UsbProbe } from './usb-probe.ts';

/** `changed`: the same probe, but it may be opened now, or another program took it. */
export interface ProbeChange {
  readonly change: 'added' | 'removed' | 'changed';
  readonly probe: UsbProbe;
}

export interface WatchOptions {
  readonly list: () => Promise<readonly UsbProbe[]>;
  /** Asks the system to call when USB devices come or go; resolves to what takes that back. Left out, there is polling alone. */
  readonly hints?: (poke: () => void) => Promise<() => Promise<void>>;
  /** Between two looks in milliseconds, whether or not hints come: a hint is lost where no udev daemon runs. */
  readonly intervalMs: number;
}

/**
 * Tells of CMSIS-DAP probes as they come and go, first of those that are there. Resolves when the signal aborts, with
 * everything let go; rejects when listing fails. `onChange` is called for one change at a time, a removal first.
 */
export async function watchProbes(
  { list, hints, intervalMs }: WatchOptions,
  io: IoContext,
  onChange: (change: ProbeChange) => void,
): Promise<void> {
  let known: readonly UsbProbe[] = [];
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

/** What happened between two looks, by port path. A probe that was replaced in between is removed, then added. */
function changesBetween(before: readonly UsbProbe[], after: readonly UsbProbe[]): ProbeChange[] {
  const isSame = (a: UsbProbe) => (b: UsbProbe) => a.portPath === b.portPath && a.device === b.device;
  const removed = before.filter((probe) => !after.some(isSame(probe)));
  const later = after.flatMap((probe): ProbeChange[] => {
    const earlier = before.find(isSame(probe));
    if (!earlier) return [{ change: 'added', probe }];
    const same = earlier.access === probe.access && earlier.url === probe.url && earlier.interface === probe.interface;
    return same ? [] : [{ change: 'changed', probe }];
  });
  return [...removed.map((probe) => ({ change: 'removed' as const, probe })), ...later];
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
