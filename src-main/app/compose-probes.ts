import { type ProbeChange, watchProbes } from '../link/hotplug.ts';
import { realClock } from './compose-home.ts';
import { listPluggedIn, type PluggedIn } from './plugged-in.ts';

const LOOK_EVERY_MS = 500;

/** Tells of what can be addressed on this computer's USB as it comes and goes, until the signal aborts. */
export async function watchUsbProbes(
  signal: AbortSignal,
  onChange: (change: ProbeChange<PluggedIn>) => void,
): Promise<void> {
  const { platform } = process;
  // Loaded on demand, as every native binding.
  const { usbHints } = await import('../link/usb-hints.ts');
  const options = { list: () => listPluggedIn({ platform }), hints: usbHints, intervalMs: LOOK_EVERY_MS };
  await watchProbes(options, { clock: realClock, signal }, onChange);
}
