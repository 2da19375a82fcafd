import type { UsbSetting } from './usb-descriptors.ts';
import type { ProbeAccess } from './usb-probe.ts';

/** One setting of one interface as it is listed. */
export interface ListedSetting extends UsbSetting {
  /** Where the system tells it without asking the device: of the setting that is in use. */
  readonly name?: string;
  /** The system's driver that has the interface, `usbfs` for a program; null where none has, or nobody tells. */
  readonly driver: string | null;
}

/** A USB device that is plugged in now, whatever it is. */
export interface UsbDeviceInfo {
  /** Four lower-case hexadecimal digits each; the release is bcdDevice. */
  readonly vendorId: string;
  readonly productId: string;
  readonly release: string;
  readonly serial?: string;
  readonly product?: string;
  readonly manufacturer?: string;
  /** The bus and the chain of hub ports (`1-2.3`): the place, and so the identity. */
  readonly portPath: string;
  /** Bus number and address on it, new at each plugging in. */
  readonly device: string;
  /** bConfigurationValue; 0 while it is not configured. */
  readonly configuration: number;
  /** Every alternate setting of the configuration's interfaces. */
  readonly settings: readonly ListedSetting[];
  readonly access: ProbeAccess;
}
