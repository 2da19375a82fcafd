import { FULL_SPEED_BULK, FULL_SPEED_HID, HIGH_SPEED_BULK, type UsbTime } from './usb-time.ts';

/** A simulated probe's measures, as it reports them by DAP_Info. */
export interface ProbeProfile {
  readonly product: string;
  readonly usb: UsbTime;
  readonly packetSize: number;
  /** Packets it can hold; one more is dropped. */
  readonly packetCount: number;
  readonly maxClockHz: number;
}

export const PROBES = {
  'high-speed': {
    product: 'Flashline bench CMSIS-DAP v2 (high speed)',
    usb: HIGH_SPEED_BULK,
    packetSize: 512,
    packetCount: 4,
    maxClockHz: 10_000_000,
  },
  'full-speed': {
    product: 'Flashline bench CMSIS-DAP v2 (full speed)',
    usb: FULL_SPEED_BULK,
    packetSize: 64,
    packetCount: 4,
    maxClockHz: 8_000_000,
  },
  /** As DAPLink's HID interface: its DAP_config.h says 64 bytes and 4 packets. */
  hid: {
    product: 'Flashline bench CMSIS-DAP v1 (HID)',
    usb: FULL_SPEED_HID,
    packetSize: 64,
    packetCount: 4,
    maxClockHz: 4_000_000,
  },
  /** As the small ones that hold a packet at a time. */
  'hid-single': {
    product: 'Flashline bench CMSIS-DAP v1 (HID, one packet)',
    usb: FULL_SPEED_HID,
    packetSize: 64,
    packetCount: 1,
    maxClockHz: 4_000_000,
  },
} as const satisfies Record<string, ProbeProfile>;

export type ProbeName = keyof typeof PROBES;
