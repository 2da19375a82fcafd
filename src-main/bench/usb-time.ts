/**
 * What USB transfers cost. USB 2.0 specification: 5.8.4 (bulk) with Table 5-9 (full speed, 64 B: 19 transactions
 * a frame) and Table 5-10 (high speed, 512 B: 13 a microframe); 5.7.4 (interrupt, full speed: one a frame at bInterval 1).
 *
 * A host that has queued transfers ahead keeps the bus busy without its software: each endpoint takes the next one up as
 * soon as the bus allows. An interrupt IN and an interrupt OUT endpoint are both served in every frame (5.7), so a HID
 * probe with several packets under way takes one and gives one a millisecond. One that is asked for a packet at a time
 * needs two frames for each: what software queues during a frame is served in the next.
 */
export interface UsbTime {
  readonly name: string;
  /** Bytes a transaction carries at most. */
  readonly transactionBytes: number;
  /** What one takes on the bus, with its share of what else is on it. */
  readonly transactionNs: number;
  /** Interrupt endpoints are visited once in this time, at its start; bulk uses the bus as it comes. */
  readonly visitedEveryNs?: number;
  /** The host controller tells its software of what is done at the end of each such time. */
  readonly toldEveryNs: number;
}

/** EHCI and xHCI controllers report at microframes, also what goes over a hub to a full-speed device. */
const MICROFRAME_NS = 125_000;
const FRAME_NS = 1_000_000;

export const HIGH_SPEED_BULK: UsbTime = {
  name: 'high-speed bulk',
  transactionBytes: 512,
  transactionNs: Math.ceil(MICROFRAME_NS / 13),
  toldEveryNs: MICROFRAME_NS,
};

export const FULL_SPEED_BULK: UsbTime = {
  name: 'full-speed bulk',
  transactionBytes: 64,
  transactionNs: Math.ceil(FRAME_NS / 19),
  toldEveryNs: MICROFRAME_NS,
};

export const FULL_SPEED_HID: UsbTime = {
  name: 'full-speed HID',
  transactionBytes: 64,
  transactionNs: Math.ceil(FRAME_NS / 19),
  visitedEveryNs: FRAME_NS,
  toldEveryNs: MICROFRAME_NS,
};

/**
 * A full-speed control transfer of so many bytes (USB 2.0, 5.5.3, table 5-2: 13 with a data stage of 64 bytes fit a frame).
 * Each further packet of the data stage costs what a bulk transaction does: both may use what the frame has left.
 */
export function controlTransferNs(bytes: number): number {
  const more = Math.max(0, Math.ceil(bytes / 64) - 1);
  return Math.ceil(FRAME_NS / 13) + more * FULL_SPEED_BULK.transactionNs;
}

/** One direction of a USB connection, as the bus serves it. Times are virtual nanoseconds. */
export class UsbEndpoint {
  readonly #usb: UsbTime;
  #freeAt = 0;

  constructor(usb: UsbTime) {
    this.#usb = usb;
  }

  /** When the last byte is across, for a transfer that may start at `at`; what was queued before it goes first. */
  transferEnd(bytes: number, at: number): number {
    const { transactionBytes, transactionNs, visitedEveryNs } = this.#usb;
    const transactions = Math.max(1, Math.ceil(bytes / transactionBytes));
    const from = Math.max(at, this.#freeAt);
    if (visitedEveryNs === undefined) {
      this.#freeAt = from + transactions * transactionNs;
      return this.#freeAt;
    }
    const visit = roundUp(from, visitedEveryNs) + (transactions - 1) * visitedEveryNs;
    // Not again at this visit.
    this.#freeAt = visit + 1;
    return visit + transactionNs;
  }
}

/** When the host's software learns of a transfer that ended at `end`. */
export function completion(usb: UsbTime, end: number): number {
  return roundUp(end, usb.toldEveryNs);
}

function roundUp(at: number, step: number): number {
  return Math.ceil(at / step) * step;
}
