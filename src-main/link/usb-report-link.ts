import type { IoContext } from '#shared/base/clock.ts';
import type { Link } from './link.ts';
import type { UsbControl } from './usb-control.ts';

export interface ReportEndpoints {
  readonly interfaceNumber: number;
  /** Without direction bits. */
  readonly in: number;
  readonly out: number;
  readonly reportBytes: number;
}

const WRITE_MS = 3000;

/**
 * A HID interface past the system's HID layer: for devices that a driver of the system keeps to itself, without a node that
 * programs may open. Takes the interface from that driver until it is closed.
 */
export async function openReportLink(usb: UsbControl, endpoints: ReportEndpoints, io: IoContext): Promise<Link> {
  try {
    await usb.claim(endpoints.interfaceNumber, io);
  } catch (error) {
    await usb.close();
    throw error;
  }
  return {
    kind: 'packet',
    url: usb.url,
    write: (report, context) => usb.transferOut(endpoints.out, report, WRITE_MS, context),
    read: (timeoutMs, context) => usb.transferIn(endpoints.in, endpoints.reportBytes, timeoutMs, context),
    close: () => usb.close(),
  };
}
