import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds } from './deadline.ts';
import type { UsbControl } from './usb-control.ts';
import type { UsbDeviceInfo } from './usb-device-info.ts';
import { openUsbHandle } from './usb-handle.ts';
import type { UsbProbesOptions } from './usb-probes.ts';
import { devicesInSysfs, driverOfInterface, mayOpen } from './usb-sysfs.ts';

/** A new device's node takes the system a moment, and udev sets its rights after that. */
const LOOK_EVERY_MS = 50;

/** Lists what is plugged in, by port path. Opens nothing on Linux. */
export async function listUsbDevices(options: UsbProbesOptions): Promise<UsbDeviceInfo[]> {
  const found = await allDevices(options);
  return found.toSorted((a, b) => a.portPath.localeCompare(b.portPath, 'en', { numeric: true }));
}

async function allDevices(options: UsbProbesOptions): Promise<UsbDeviceInfo[]> {
  const { platform, root = '/' } = options;
  if (platform === 'linux') return devicesInSysfs({ root, mayOpen: options.mayOpen ?? mayOpen });
  const { devicesByBindings } = await import('./usb-bindings.ts');
  return devicesByBindings();
}

export interface UsbWait {
  readonly portPath: string;
  /** What is waited for. */
  readonly is: (device: UsbDeviceInfo) => boolean;
  /** `device` of what was there before: the same one that has not left yet is not waited for. */
  readonly not?: string;
  readonly timeoutMs: number;
}

/**
 * Waits until such a device is at this port and may be opened: one that was told to come back as something else.
 * Rejects with `probe-silent` when it does not come, with `probe-permission` when it came and may not be opened.
 */
export async function waitForUsbDevice(
  { portPath, is, not, timeoutMs }: UsbWait,
  list: () => Promise<readonly UsbDeviceInfo[]>,
  url: string,
  io: IoContext,
): Promise<UsbDeviceInfo> {
  const deadline = io.clock.monotonic() + timeoutMs;
  for (;;) {
    const found = (await list()).find((one) => one.portPath === portPath && one.device !== not && is(one));
    if (found && found.access !== 'denied') return found;
    if (io.clock.monotonic() >= deadline) {
      if (found) throw new FlashlineError('probe-permission', { params: { url } });
      throw new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(timeoutMs) } });
    }
    await io.clock.sleep(LOOK_EVERY_MS, io.signal);
  }
}

/**
 * Opens the very device that was listed, not another at the same port by now. Rejects with `probe-not-found`,
 * `probe-permission`, `probe-busy` or `probe-silent`. Another program may have one of its interfaces: claiming tells.
 */
export async function openUsbDevice(info: UsbDeviceInfo, url: string, io: IoContext): Promise<UsbControl> {
  io.signal.throwIfAborted();
  if (info.access === 'denied') throw new FlashlineError('probe-permission', { params: { url } });
  // Loaded on demand, as every native binding.
  const { usb } = await import('usb');
  const devices = await usb.getDevices();
  const found = devices.find(({ bus, address }) => deviceName(bus, address) === info.device);
  if (!found) throw new FlashlineError('probe-not-found', { params: { url } });
  return openUsbHandle(found, (number) => driverOfInterface(info.portPath, number), url, io);
}

/** Linux writes the bus as 001 here and as 1 in sysfs. */
export function deviceName(bus: string, address: number): string {
  return `${/^\d+$/u.test(bus) ? Number(bus) : bus}:${address}`;
}
