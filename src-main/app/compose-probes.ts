import { type ProbeChange, watchProbes } from '../link/hotplug.ts';
import { listUsbProbes } from '../link/usb-probes.ts';
import { realClock } from './compose-home.ts';

const LOOK_EVERY_MS = 500;

/** Tells of this computer's USB probes as they come and go, until the signal aborts. */
export async function watchUsbProbes(signal: AbortSignal, onChange: (change: ProbeChange) => void): Promise<void> {
  const { platform } = process;
  // Loaded on demand, as every native binding.
  const { usbHints } = await import('../link/usb-hints.ts');
  const options = { list: () => listUsbProbes({ platform }), hints: usbHints, intervalMs: LOOK_EVERY_MS };
  await watchProbes(options, { clock: realClock, signal }, onChange);
}
