import { asUsbProbes, type UsbProbe } from './usb-probe.ts';
import { type MayOpen, mayOpen, probesInSysfs } from './usb-sysfs.ts';

export interface UsbProbesOptions {
  readonly platform: NodeJS.Platform;
  /** Linux: where /sys and /dev are. */
  readonly root?: string;
  /** Linux: asks the file system when left out. */
  readonly mayOpen?: MayOpen;
}

/** Lists the CMSIS-DAP probes on USB, one entry for each physical probe. Opens none of them on Linux. */
export async function listUsbProbes(options: UsbProbesOptions): Promise<UsbProbe[]> {
  const { platform, root = '/' } = options;
  if (platform === 'linux') return asUsbProbes(await probesInSysfs({ root, mayOpen: options.mayOpen ?? mayOpen }));
  // Loaded on demand: elsewhere only the native bindings know what is plugged in.
  const { probesByBindings } = await import('./usb-bindings.ts');
  return asUsbProbes(await probesByBindings());
}
