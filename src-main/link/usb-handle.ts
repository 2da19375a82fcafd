import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { inSeconds, within } from './deadline.ts';
import { type UsbControl, type UsbSetup, UsbStall } from './usb-control.ts';
import { isStall, isTimeout, openFailure } from './usb-errors.ts';
import { CLAIMED } from './usb-sysfs.ts';

/** What we use of an opened USB device; npm `usb`'s UsbDevice has all of it. Timeouts in milliseconds. */
export interface NativeUsbDevice {
  open(): Promise<void>;
  close(): Promise<void>;
  claimInterface(number: number): Promise<void>;
  releaseInterface(number: number): Promise<void>;
  selectAlternateInterface(number: number, setting: number): Promise<void>;
  reset(): Promise<void>;
  detachKernelDriver(number: number): Promise<void>;
  attachKernelDriver(number: number): Promise<void>;
  nativeControlTransferIn(setup: NativeSetup, timeout: number, length: number): Promise<Uint8Array | null>;
  nativeControlTransferOut(setup: NativeSetup, timeout: number, data: Uint8Array): Promise<number>;
  nativeTransferIn(endpoint: number, timeout: number, length: number): Promise<Uint8Array | null>;
  nativeTransferOut(endpoint: number, timeout: number, data: Uint8Array): Promise<number>;
}

interface NativeSetup {
  readonly requestType: UsbSetup['type'];
  readonly recipient: UsbSetup['recipient'];
  readonly request: number;
  readonly value: number;
  readonly index: number;
}

/** Opening, claiming and switching settings are a request or two each, by the system. */
const SYSTEM_MS = 5000;
/** How long the binding may take beyond a transfer's own timeout before nobody waits for it any more. */
const GRACE_MS = 1000;

/** The driver that has an interface now, `usbfs` for a program; undefined where none has, or the system does not tell. */
export type DriverOf = (interfaceNumber: number) => Promise<string | undefined>;

/** Opens the device. Rejects with `probe-permission`, `probe-busy`, `probe-not-found` or `probe-silent`. */
export async function openUsbHandle(
  device: NativeUsbDevice,
  driverOf: DriverOf,
  url: string,
  io: IoContext,
): Promise<UsbControl> {
  const opening = device.open();
  const opened = await within(opening, SYSTEM_MS, io).catch(async (cause: unknown) => {
    void opening.then(
      () => device.close(),
      () => undefined,
    );
    if (io.signal.aborted) throw cause;
    throw openFailure(cause, url);
  });
  if (!opened) {
    void opening.then(
      () => device.close(),
      () => undefined,
    );
    throw silent(url, SYSTEM_MS);
  }
  return new UsbHandle(device, driverOf, url);
}

class UsbHandle implements UsbControl {
  readonly url: string;
  readonly #device: NativeUsbDevice;
  readonly #driverOf: DriverOf;
  readonly #claimed: { readonly number: number; readonly detached: boolean }[] = [];
  /** Ends when all that was asked of an endpoint so far is over: the binding takes one transfer at a time for each. */
  readonly #busy = new Map<string, Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(device: NativeUsbDevice, driverOf: DriverOf, url: string) {
    this.#device = device;
    this.#driverOf = driverOf;
    this.url = url;
  }

  async controlIn(setup: UsbSetup, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const transfer = () => this.#device.nativeControlTransferIn(nativeSetup(setup), timeoutMs, length);
    return (await this.#transfer('control', transfer, timeoutMs, requestName(setup), io)) ?? new Uint8Array();
  }

  async controlOut(setup: UsbSetup, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void> {
    const bytes = data.slice();
    const transfer = () => this.#device.nativeControlTransferOut(nativeSetup(setup), timeoutMs, bytes);
    await this.#transfer('control', transfer, timeoutMs, requestName(setup), io);
  }

  async transferIn(endpoint: number, length: number, timeoutMs: number, io: IoContext): Promise<Uint8Array> {
    const transfer = () => this.#device.nativeTransferIn(endpoint, timeoutMs, length);
    return (await this.#transfer(`in ${endpoint}`, transfer, timeoutMs, 'the transfer', io)) ?? new Uint8Array();
  }

  async transferOut(endpoint: number, data: Uint8Array, timeoutMs: number, io: IoContext): Promise<void> {
    const bytes = data.slice();
    const transfer = () => this.#device.nativeTransferOut(endpoint, timeoutMs, bytes);
    await this.#transfer(`out ${endpoint}`, transfer, timeoutMs, 'the transfer', io);
  }

  async claim(interfaceNumber: number, io: IoContext): Promise<void> {
    const detached = await this.#takeFromDriver(interfaceNumber, io);
    try {
      await this.#bySystem(this.#device.claimInterface(interfaceNumber), io);
    } catch (cause) {
      if (detached) await this.#device.attachKernelDriver(interfaceNumber).catch(() => undefined);
      throw cause;
    }
    this.#claimed.push({ number: interfaceNumber, detached });
  }

  /** From a driver of the system's alone: the same call would take it from another program too, in the middle of its work. */
  async #takeFromDriver(interfaceNumber: number, io: IoContext): Promise<boolean> {
    const driver = await this.#driverOf(interfaceNumber);
    if (driver === undefined || driver === CLAIMED) return false;
    const taking = this.#device.detachKernelDriver(interfaceNumber).then(
      () => true,
      () => false,
    );
    return this.#bySystem(taking, io);
  }

  async selectAlternate(interfaceNumber: number, setting: number, io: IoContext): Promise<void> {
    const selecting = () => this.#device.selectAlternateInterface(interfaceNumber, setting);
    await this.#transfer('control', selecting, SYSTEM_MS, `alternate setting ${setting}`, io);
  }

  async reset(io: IoContext): Promise<void> {
    await this.#transfer('control', () => this.#device.reset(), SYSTEM_MS, 'to be reset', io);
  }

  close(): Promise<void> {
    this.#closing ??= this.#letGo();
    return this.#closing;
  }

  async #letGo(): Promise<void> {
    await Promise.all(this.#busy.values());
    // A device that is gone refuses all of it; there is nothing left to let go then.
    for (const { number, detached } of this.#claimed) {
      await this.#device.releaseInterface(number).catch(() => undefined);
      if (detached) await this.#device.attachKernelDriver(number).catch(() => undefined);
    }
    await this.#device.close().catch(() => undefined);
  }

  async #bySystem<T>(work: Promise<T>, io: IoContext): Promise<T> {
    const done = await within(work, SYSTEM_MS, io).catch((cause: unknown) => {
      if (io.signal.aborted) throw cause;
      throw openFailure(cause, this.url);
    });
    if (done) return done.value;
    throw silent(this.url, SYSTEM_MS);
  }

  /** In its turn, and with an end: an abort leaves the transfer to its own timeout, which those behind it wait for. */
  async #transfer<T>(way: string, start: () => Promise<T>, timeoutMs: number, what: string, io: IoContext): Promise<T> {
    const turn = this.#inTurn(way, start, io);
    const done = await within(turn, timeoutMs + GRACE_MS, io).catch((cause: unknown) => {
      if (cause instanceof FlashlineError || io.signal.aborted) throw cause;
      throw this.#failure(cause, timeoutMs, what);
    });
    if (done) return done.value;
    throw silent(this.url, timeoutMs);
  }

  #inTurn<T>(way: string, start: () => Promise<T>, io: IoContext): Promise<T> {
    const before = this.#busy.get(way) ?? Promise.resolve();
    const turn = before.then(() => {
      io.signal.throwIfAborted();
      if (this.#closing) throw new FlashlineError('probe-lost', { params: { url: this.url } });
      return start();
    });
    this.#busy.set(
      way,
      turn.catch(() => undefined),
    );
    return turn;
  }

  #failure(cause: unknown, timeoutMs: number, what: string): FlashlineError {
    if (isTimeout(cause)) return silent(this.url, timeoutMs, cause);
    if (isStall(cause)) return new UsbStall(this.url, what, cause);
    return new FlashlineError('probe-lost', { params: { url: this.url }, cause });
  }
}

function nativeSetup({ type, recipient, request, value, index }: UsbSetup): NativeSetup {
  return { requestType: type, recipient, request, value, index };
}

function requestName({ type, request }: UsbSetup): string {
  return `${type} request 0x${request.toString(16).padStart(2, '0')}`;
}

function silent(url: string, ms: number, cause?: unknown): FlashlineError {
  return new FlashlineError('probe-silent', { params: { url, seconds: inSeconds(ms) }, cause });
}
