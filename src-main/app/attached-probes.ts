import type { SlotState } from '#shared/contract/station.ts';
import { type ProbeChange, type Watched, kindOf } from '../link/hotplug.ts';
import { isAt, parseUsbPlace } from '../link/usb-place.ts';

export interface WatchedSlot {
  readonly id: string;
  readonly probe: string;
}

/** What is watched, as `listPluggedIn` lists it. */
export interface WatchedProbe extends Watched {
  readonly serial: string | null;
}

type SetAttached = (slot: string, attached: SlotState['attached']) => void;

/** Probes that stay while units come and go. A boot loader is the unit itself: one that is gone is no fault of the fixture's. */
const KINDS: ReadonlySet<string> = new Set(['cmsis-dap', 'ftdi', 'spi:ftdi', 'i2c:ftdi', 'i2c:mcp2221']);

/**
 * Keeps the slots' `attached` true while probes come and go. `watch` tells of them until the signal aborts. Slots with
 * other probes than these on USB stay `unknown`; without any, nothing is watched.
 */
export async function keepAttached(
  slots: readonly WatchedSlot[],
  watch: (signal: AbortSignal, onChange: (change: ProbeChange<WatchedProbe>) => void) => Promise<void>,
  set: SetAttached,
  signal: AbortSignal,
): Promise<void> {
  const watched = slots.filter(({ probe }) => KINDS.has(kindOf(probe)));
  if (watched.length === 0) return;
  const present = new Map<string, WatchedProbe>();
  const tell = (): void => {
    for (const { id, probe } of watched) set(id, attachedOf(probe, [...present.values()]));
  };
  tell();
  await watch(signal, ({ change, probe }) => {
    const key = `${kindOf(probe.url)} ${probe.portPath}`;
    if (change === 'removed') present.delete(key);
    else present.set(key, probe);
    tell();
  });
}

function attachedOf(url: string, probes: readonly WatchedProbe[]): SlotState['attached'] {
  const kind = kindOf(url);
  const place = parseUsbPlace(url.slice(kind.length + 1))?.place;
  const probe = probes.find(
    ({ url: other, serial, portPath }) =>
      place && kindOf(other) === kind && isAt(place, { serial: serial ?? undefined, portPath }),
  );
  if (!probe) return 'no';
  return probe.access === 'ok' ? 'yes' : probe.access;
}
