import { asUsbProbes, type UsbProbe } from './usb-probe.ts';
import { probesInSysfs } from './usb-sysfs.ts';

export interface UsbProbesOptions {
  readonly platform: NodeJS.Platform;
  /** Linux: where /sys and /dev are. */
  readonly root?: string;
}

/** Lists the CMSIS-DAP probes on USB, one entry for each physical probe. Opens none of them on Linux. */
export async function listUsbProbes({ platform, root }: UsbProbesOptions): Promise<UsbProbe[]> {
  if (platform === 'linux') return asUsbProbes(await probesInSysfs(root ?? '/'));
  // Loaded on demand: elsewhere only the native bindings know what is plugged in.
  const { probesByBindings } = await import('./usb-bindings.ts');
  return asUsbProbes(await probesByBindings());
}
