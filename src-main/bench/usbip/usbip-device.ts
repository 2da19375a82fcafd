import type { PacketCounts } from './packet-buffers.ts';
import type { UsbDescription, UsbDevice } from './usb-device.ts';

/** A device as it is from being plugged in to being pulled out. */
export interface PluggedDevice {
  readonly device: UsbDevice;
  /** What went over its endpoints. */
  counts(): PacketCounts;
}

/** What can be plugged into a USB host at one place, again and again. */
export interface UsbipDevice {
  /** As it would be if it were plugged in now: a boot loader that was left comes back as something else. */
  describe(): UsbDescription;
  /** `unplug` pulls it out of the host: a fault, or the device drops off the bus by itself. */
  plugIn(unplug: () => void): PluggedDevice;
}
