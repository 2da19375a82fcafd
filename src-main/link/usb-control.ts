import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';

/** What begins a control transfer (USB 2.0, 9.3); its direction and length are the call's. */
export interface UsbSetup {
  readonly type: 'standard' | 'class' | 'vendor';
  readonly recipient: 'device' | 'interface' | 'endpoint';
  readonly request: number;
  readonly value: number;
  /** Of a request to an interface: its number in the low byte. That interface must be claimed. */
  readonly index: number;
}

/**
 * An opened USB device, for whoever speaks to it by control requests and by endpoints of its own. Requests go one at a
 * time in the order of the calls, and so do each endpoint's transfers. Everything rejects with `probe-lost` when the
 * device is gone, with `probe-silent` when `timeoutMs` have passed, with the signal's reason when aborted, and with
 * `UsbStall` when the device refuses.
 */
export interface UsbControl {
  /** The device's address as the user names it, for messages. */
  readonly url: string;
  /** At most `length` bytes; a device may well send fewer. */
  controlIn(setup: UsbSetup, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array>;
  controlOut(setup: UsbSetup, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void>;
  /**
   * Takes an interface, from the system's own driver where one has it; released by closing. Rejects with `probe-busy`
   * or `probe-permission`.
   */
  claim(interfaceNumber: number, io: IoContext): Promise<void>;
  /** Of a claimed interface. */
  selectAlternate(interfaceNumber: number, setting: number, io: IoContext): Promise<void>;
  /**
   * One transfer from a bulk or interrupt endpoint of a claimed interface: ends with a short packet or with `length`
   * bytes, which is best a multiple of the packet size. What arrives at the moment of a timeout is lost.
   */
  transferIn(endpoint: number, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array>;
  transferOut(endpoint: number, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void>;
  /** Resets the device's port. What it is afterwards may be another device, at the same place: this one is lost then. */
  reset(io: IoContext): Promise<void>;
  /** Never rejects; may be called twice. A transfer that is under way is waited for, at most until its own timeout. */
  close(): Promise<void>;
}

/** The device answered with STALL: a request that it does not know, or not now (USB 2.0, 8.5.3.4). */
export class UsbStall extends FlashlineError<'probe-protocol'> {
  constructor(url: string, what: string, cause?: unknown) {
    super('probe-protocol', { params: { url, detail: `it refuses ${what}` }, cause });
  }
}
