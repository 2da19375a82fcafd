/**
 * What a USB transfer costs. USB 2.0 specification: 5.8.4 (bulk) with Table 5-9 (full speed, 64 B: 19 transactions
 * a frame) and Table 5-10 (high speed, 512 B: 13 a microframe); 5.7.4 (interrupt, full speed: one a frame at bInterval 1).
 */
export interface UsbTime {
  readonly name: string;
  /** Bytes a transaction carries at most. */
  readonly transactionBytes: number;
  /** Frame or microframe: the host controller reports completions at its end. */
  readonly frameNs: number;
  readonly transactionsPerFrame: number;
  /** Interrupt endpoints are visited once a frame, at its start; bulk uses the bus as it comes. */
  readonly polled: boolean;
}

export const HIGH_SPEED_BULK: UsbTime = {
  name: 'high-speed bulk',
  transactionBytes: 512,
  frameNs: 125_000,
  transactionsPerFrame: 13,
  polled: false,
};

export const FULL_SPEED_BULK: UsbTime = {
  name: 'full-speed bulk',
  transactionBytes: 64,
  frameNs: 1_000_000,
  transactionsPerFrame: 19,
  polled: false,
};

export const FULL_SPEED_HID: UsbTime = {
  name: 'full-speed HID',
  transactionBytes: 64,
  frameNs: 1_000_000,
  transactionsPerFrame: 1,
  polled: true,
};

/** When the last byte is across, for a transfer that may start at `at`. */
export function transferEnd(usb: UsbTime, bytes: number, at: number): number {
  const transactions = Math.max(1, Math.ceil(bytes / usb.transactionBytes));
  if (usb.polled) return nextFrame(usb, at) + (transactions - 1) * usb.frameNs;
  return at + Math.ceil((transactions * usb.frameNs) / usb.transactionsPerFrame);
}

/** When the host's software learns of a transfer that ended at `end`: at the (micro)frame's end. */
export function completion(usb: UsbTime, end: number): number {
  return usb.polled ? end : nextFrame(usb, end);
}

function nextFrame(usb: UsbTime, at: number): number {
  return Math.ceil(at / usb.frameNs) * usb.frameNs;
}
