import type { SlotState } from '#shared/contract/station.ts';
import { parseCmsisDapAddress } from '../link/cmsis-dap-address.ts';
import type { ProbeChange } from '../link/hotplug.ts';
import type { UsbProbe } from '../link/usb-probe.ts';

export interface WatchedSlot {
  readonly id: string;
  readonly probe: string;
}

type SetAttached = (slot: string, attached: SlotState['attached']) => void;

/**
 * Keeps the slots' `attached` true while probes come and go. `watch` tells of them until the signal aborts. Slots with
 * other probes than CMSIS-DAP on USB stay `unknown`; without any, nothing is watched.
 */
export async function keepAttached(
  slots: readonly WatchedSlot[],
  watch: (signal: AbortSignal, onChange: (change: ProbeChange) => void) => Promise<void>,
  set: SetAttached,
  signal: AbortSignal,
): Promise<void> {
  const watched = slots.filter(({ probe }) => probe.startsWith('cmsis-dap:'));
  if (watched.length === 0) return;
  const present = new Map<string, UsbProbe>();
  const tell = (): void => {
    for (const { id, probe } of watched) set(id, attachedOf(probe, [...present.values()]));
  };
  tell();
  await watch(signal, ({ change, probe }) => {
    if (change === 'removed') present.delete(probe.portPath);
    else present.set(probe.portPath, probe);
    tell();
  });
}

function attachedOf(url: string, probes: readonly UsbProbe[]): SlotState['attached'] {
  const address = parseCmsisDapAddress(url);
  const probe = probes.find((one) =>
    address.by === 'serial' ? one.serial === address.serial : one.portPath === address.portPath,
  );
  if (!probe) return 'no';
  return probe.access === 'ok' ? 'yes' : probe.access;
}
