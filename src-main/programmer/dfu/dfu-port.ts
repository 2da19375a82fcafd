import type { IoContext } from '#shared/base/clock.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type UsbControl, UsbStall } from '../../link/usb-control.ts';
import {
  blamesFlash,
  dfuRequest,
  ERR_VENDOR,
  type Functional,
  parseStatus,
  Request,
  State,
  stateName,
  type Status,
  statusName,
} from './protocol.ts';

/** A control request without work behind it; a device that works holds the answer back meanwhile. */
const REQUEST_MS = 5000;
/** Abort, clear, abort: no way back to dfuIDLE is longer. */
const MOST_STEPS = 8;
/** Between two looks where the device asks for no time: it must not be asked without a pause. */
const LEAST_POLL_MS = 1;

/** What an operation is about: for deadlines and messages. */
export interface DfuWork {
  readonly address: number;
  /** The device may take this long in all. */
  readonly timeoutMs: number;
}

/**
 * One DFU interface, and the state machine of the device behind it (DFU 1.1, appendix A). Every request that fails
 * leaves the device in dfuERROR, from which `toIdle` leads back.
 */
export class DfuPort {
  readonly usb: UsbControl;
  readonly interfaceNumber: number;
  readonly functional: Functional;
  readonly #chip: string;

  constructor(usb: UsbControl, interfaceNumber: number, functional: Functional, chip: string) {
    this.usb = usb;
    this.interfaceNumber = interfaceNumber;
    this.functional = functional;
    this.#chip = chip;
  }

  get url(): string {
    return this.usb.url;
  }

  async getStatus(io: IoContext, timeoutMs = REQUEST_MS): Promise<Status> {
    const bytes = await this.usb.controlIn(this.#setup(Request.getStatus), 6, timeoutMs, io);
    const status = parseStatus(bytes);
    if (status) return status;
    throw this.protocolFailure(`its status is ${[...bytes].join(' ')}`);
  }

  /** Whatever state it is in: brings it to dfuIDLE. Rejects with `probe-protocol` where that cannot be. */
  async toIdle(io: IoContext, timeoutMs = REQUEST_MS): Promise<void> {
    const until = io.clock.monotonic() + timeoutMs;
    for (let steps = 0; steps < MOST_STEPS && io.clock.monotonic() < until;) {
      const status = await this.getStatus(io);
      switch (status.state) {
        case State.idle:
          return;
        case State.error:
          steps++;
          await this.#out(Request.clearStatus, io);
          break;
        case State.downloadIdle:
        case State.uploadIdle:
          steps++;
          await this.#out(Request.abort, io);
          break;
        case State.appIdle:
        case State.appDetach:
        case State.manifestWaitReset:
          throw this.protocolFailure(`it is in ${stateName(status.state)}`);
        default:
          // Syncing, busy or manifesting: it says when to ask again.
          await this.#pause(status, until, io);
      }
    }
    throw this.protocolFailure('it does not come to dfuIDLE');
  }

  /** One block down, and the work that it means: resolves in dfuDNLOAD-IDLE. */
  async download(block: number, data: Uint8Array, work: DfuWork, io: IoContext): Promise<void> {
    try {
      await this.usb.controlOut(this.#setup(Request.download, block), data, REQUEST_MS, io);
    } catch (error) {
      if (!(error instanceof UsbStall)) throw error;
      throw this.#refused(await this.#statusOr(error, io), work, error);
    }
    await this.finish(State.downloadIdle, work, io);
  }

  /** Asks until the device is in `state`, as often as it says and no longer than the work may take. */
  async finish(state: number, work: DfuWork, io: IoContext): Promise<void> {
    const until = io.clock.monotonic() + work.timeoutMs;
    for (;;) {
      const status = await this.#statusWithin(until, work, io);
      if (status.state === state && status.status === 0) return;
      if (status.state === State.error || status.status !== 0) throw this.#refused(status, work);
      const isBusy = status.state === State.downloadBusy || status.state === State.downloadSync;
      const isManifesting = status.state === State.manifestSync || status.state === State.manifest;
      if (!isBusy && !isManifesting) {
        throw this.protocolFailure(`it went to ${stateName(status.state)} instead of ${stateName(state)}`);
      }
      if (io.clock.monotonic() >= until) throw timeout(work);
      await this.#pause(status, until, io);
    }
  }

  /** One block up, from dfuIDLE or dfuUPLOAD-IDLE. A short one is the last: the device is in dfuIDLE then. */
  async upload(block: number, length: number, work: DfuWork, io: IoContext): Promise<Uint8Array> {
    try {
      return await this.usb.controlIn(this.#setup(Request.upload, block), length, REQUEST_MS, io);
    } catch (error) {
      if (!(error instanceof UsbStall)) throw error;
      throw this.#refused(await this.#statusOr(error, io), work, error);
    }
  }

  async abort(io: IoContext): Promise<void> {
    await this.#out(Request.abort, io);
  }

  /** A download of nothing, and the status that makes it happen; a device that vanishes over it has done as it was told. */
  async requestLeave(block: number, io: IoContext): Promise<void> {
    await this.usb.controlOut(this.#setup(Request.download, block), new Uint8Array(), REQUEST_MS, io);
    const status = await this.unlessGone(() => this.getStatus(io));
    const leaves = status === undefined || status.state === State.manifest || status.state === State.manifestSync;
    if (!leaves) throw this.protocolFailure(`it went to ${stateName(status.state)} when it was to start the firmware`);
  }

  /**
   * The end of a download (DFU 1.1, 7): the device takes the image over. True when it is in dfuIDLE again; false when it
   * wants to be reset before it answers, or has left the bus already.
   */
  async manifest(block: number, work: DfuWork, io: IoContext): Promise<boolean> {
    await this.usb.controlOut(this.#setup(Request.download, block), new Uint8Array(), REQUEST_MS, io);
    const until = io.clock.monotonic() + work.timeoutMs;
    for (;;) {
      const status = await this.unlessGone(() => this.#statusWithin(until, work, io));
      if (!status || status.state === State.manifestWaitReset) return false;
      if (status.state === State.error || status.status !== 0) throw this.#refused(status, work);
      if (status.state === State.idle) return true;
      if (io.clock.monotonic() >= until) throw timeout(work);
      await this.#pause(status, until, io);
    }
  }

  /** A command after which the device leaves the bus; `flash-timeout` where it is still there in the end. */
  async requestGone(block: number, command: Uint8Array, work: DfuWork, io: IoContext): Promise<void> {
    await this.usb.controlOut(this.#setup(Request.download, block), command, REQUEST_MS, io);
    const until = io.clock.monotonic() + work.timeoutMs;
    for (;;) {
      const status = await this.unlessGone(() => this.getStatus(io, work.timeoutMs));
      if (!status) return;
      if (status.state === State.error || status.status !== 0) throw this.#refused(status, work);
      if (io.clock.monotonic() >= until) throw timeout(work);
      await this.#pause(status, until, io);
    }
  }

  /** Undefined when the device has left the bus meanwhile. */
  async unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const code = error instanceof FlashlineError ? error.failure.code : undefined;
      if (code === 'probe-lost' || code === 'probe-silent') return undefined;
      throw error;
    }
  }

  protocolFailure(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.url, detail } });
  }

  async #out(request: number, io: IoContext): Promise<void> {
    await this.usb.controlOut(this.#setup(request), new Uint8Array(), REQUEST_MS, io);
  }

  /** A device that says nothing for as long as its work may take has not done it. */
  async #statusWithin(until: number, work: DfuWork, io: IoContext): Promise<Status> {
    const left = Math.max(LEAST_POLL_MS, Math.ceil(until - io.clock.monotonic()));
    try {
      return await this.getStatus(io, Math.max(left, REQUEST_MS));
    } catch (error) {
      const isSilent = error instanceof FlashlineError && error.failure.code === 'probe-silent';
      if (isSilent && io.clock.monotonic() >= until) throw timeout(work, error);
      throw error;
    }
  }

  async #pause({ pollMs }: Status, until: number, io: IoContext): Promise<void> {
    const left = Math.max(0, until - io.clock.monotonic());
    await io.clock.sleep(Math.max(LEAST_POLL_MS, Math.min(pollMs, left)), io.signal);
  }

  async #statusOr(stall: UsbStall, io: IoContext): Promise<Status> {
    const status = await this.getStatus(io);
    if (status.state !== State.error) throw stall;
    return status;
  }

  /** What an error status says: of the flash, of protection, or of nothing that should have happened. */
  #refused(status: Status, { address }: DfuWork, cause?: unknown): FlashlineError {
    const named = cause ?? statusName(status.status);
    if (status.status === ERR_VENDOR && this.functional.version === 0x011a)
      return new FlashlineError('chip-protected', { params: { chip: this.#chip }, cause: named });
    if (blamesFlash(status)) {
      const params = { address: hexAddress(address) };
      return new FlashlineError('flash-refused', { where: { address }, params, cause: statusName(status.status) });
    }
    return this.protocolFailure(`${statusName(status.status)} at ${hexAddress(address)} in ${stateName(status.state)}`);
  }

  #setup(request: number, value = 0) {
    return dfuRequest(request, this.interfaceNumber, value);
  }
}

function timeout({ address, timeoutMs }: DfuWork, cause?: unknown): FlashlineError {
  const params = { address: hexAddress(address), seconds: Math.round(timeoutMs / 100) / 10 };
  return new FlashlineError('flash-timeout', { where: { address }, params, cause });
}
