import type { Setup } from '../usbip/usb-device.ts';

/** Requests, states and statuses (DFU 1.1, table 3.2 and 6.1.2): those that the models use. */
const Request = { detach: 0, download: 1, upload: 2, getStatus: 3, clearStatus: 4, getState: 5, abort: 6 } as const;
export const State = {
  idle: 2,
  downloadSync: 3,
  downloadBusy: 4,
  downloadIdle: 5,
  manifestSync: 6,
  manifest: 7,
  manifestWaitReset: 8,
  uploadIdle: 9,
  error: 10,
} as const;
export type DfuState = (typeof State)[keyof typeof State];
export const Dfu = {
  ok: 0,
  errTarget: 1,
  errWrite: 3,
  errErase: 4,
  errProg: 6,
  errAddress: 8,
  errNotDone: 9,
  errFirmware: 10,
  errVendor: 11,
  errStalled: 15,
} as const;

/** What a piece of work comes to: when it ends by the device's clock, and how. */
export interface WorkDone {
  readonly endsAt: number;
  readonly status: number;
  /** The device leaves the bus when it ends. */
  readonly leaves?: boolean;
}

/** What stands behind the state machine. Times are virtual nanoseconds. */
export interface DfuMemory {
  /** A download of nothing ends an image; DfuSe also takes it in dfuIDLE, to leave. */
  readonly leavesFromIdle: boolean;
  /** After an image was taken over: dfuIDLE, or it waits to be reset. */
  readonly tolerant: boolean;
  /** Starts what a block means; asked at the GETSTATUS after it. */
  work(block: number, data: Uint8Array, at: number): WorkDone;
  /** A block up: bytes, or a status where it is refused. */
  upload(block: number, length: number, at: number): Uint8Array | number;
  /** The end of an image. */
  manifest(at: number): WorkDone;
}

export interface Answer {
  /** Undefined is a STALL. */
  readonly data: Uint8Array | undefined;
  /** Until then the device holds the answer back (NAK). */
  readonly doneAt: number;
}

/** What is spoilt, by the number of the request (of DFU's class) since power-up, counted from 0. */
export interface DfuFaults {
  /** That request is refused, and the machine goes to dfuERROR. */
  readonly stallAt?: number;
  /** From then on every status says that there is work to wait for. */
  readonly busyFrom?: number;
  /** From then on every status names this state. */
  readonly stateFrom?: { readonly at: number; readonly state: number };
}

const NS_PER_MS = 1_000_000;
const LONGEST_POLL = 0xffffff;
const NOTHING = new Uint8Array();

/** The device's side of DFU's state machine (DFU 1.1, appendix A.2), whatever memory is behind it. */
export class DfuMachine {
  /** The device has left the bus, or will when its answer is across. */
  left = false;
  state: DfuState = State.idle;
  /** What a careful reader would hold against the host. */
  readonly misuse = new Set<string>();
  requests = 0;
  /** All the milliseconds that it asked the host to wait. */
  pollMs = 0;
  readonly #memory: DfuMemory;
  readonly #faults: DfuFaults;
  #status: number = Dfu.ok;
  #pending: { readonly block: number; readonly data: Uint8Array } | undefined;
  #working: WorkDone | undefined;
  #notBefore = 0;

  constructor(memory: DfuMemory, faults: DfuFaults = {}) {
    this.#memory = memory;
    this.#faults = faults;
  }

  /** A boot loader that found no firmware says so (errFIRMWARE, dfuERROR). */
  fail(status: number): void {
    this.state = State.error;
    this.#status = status;
  }

  reset(): void {
    this.state = State.idle;
    this.#status = Dfu.ok;
    this.#pending = undefined;
    this.#working = undefined;
  }

  request({ request, value, length }: Setup, data: Uint8Array, at: number): Answer {
    const number = this.requests++;
    if (number === this.#faults.stallAt) return this.#stall(at);
    switch (request) {
      case Request.download:
        return this.#download(value, data, at);
      case Request.upload:
        return this.#upload(value, length, at);
      case Request.getStatus:
        return this.#getStatus(number, at);
      case Request.clearStatus:
        if (this.state !== State.error) return this.#stall(at);
        this.reset();
        return done(at);
      case Request.getState:
        return done(at, Uint8Array.of(this.state));
      case Request.abort:
        return this.#abort(at);
      default:
        return this.#stall(at);
    }
  }

  #download(block: number, data: Uint8Array, at: number): Answer {
    const isEnd = data.length === 0;
    const may =
      this.state === State.downloadIdle || (this.state === State.idle && (!isEnd || this.#memory.leavesFromIdle));
    if (!may) return this.#stall(at);
    if (isEnd) this.state = State.manifestSync;
    else {
      this.#pending = { block, data: data.slice() };
      this.state = State.downloadSync;
    }
    return done(at);
  }

  #upload(block: number, length: number, at: number): Answer {
    if (this.state !== State.idle && this.state !== State.uploadIdle) return this.#stall(at);
    const bytes = this.#memory.upload(block, length, at);
    if (typeof bytes === 'number') {
      this.fail(bytes);
      return { data: undefined, doneAt: at };
    }
    this.state = bytes.length < length ? State.idle : State.uploadIdle;
    return done(at, bytes);
  }

  #abort(at: number): Answer {
    const may: readonly number[] = [
      State.idle,
      State.downloadSync,
      State.downloadIdle,
      State.manifestSync,
      State.uploadIdle,
    ];
    if (!may.includes(this.state)) return this.#stall(at);
    this.#pending = undefined;
    this.state = State.idle;
    return done(at);
  }

  /** The work begins with this request; the one after its time tells how it went. */
  #getStatus(number: number, at: number): Answer {
    const { busyFrom = Infinity, stateFrom } = this.#faults;
    if (number >= busyFrom) return done(at, statusBytes(Dfu.ok, 1000, State.downloadBusy));
    if (stateFrom && number >= stateFrom.at) return done(at, statusBytes(Dfu.ok, 0, stateFrom.state));
    if (at < this.#notBefore) this.misuse.add('the status was asked for before its time');
    let doneAt = at;
    if (this.#working) {
      doneAt = Math.max(at, this.#working.endsAt);
      this.#conclude(this.#working);
    } else if (this.state === State.downloadSync && this.#pending) {
      const { block, data } = this.#pending;
      this.#pending = undefined;
      return this.#begin(this.#memory.work(block, data, at), State.downloadBusy, at);
    } else if (this.state === State.manifestSync) {
      return this.#begin(this.#memory.manifest(at), State.manifest, at);
    }
    return done(doneAt, statusBytes(this.#status, 0, this.state));
  }

  #begin(work: WorkDone, state: DfuState, at: number): Answer {
    this.state = state;
    this.#working = work;
    const pollMs = Math.min(LONGEST_POLL, Math.ceil((work.endsAt - at) / NS_PER_MS));
    this.pollMs += pollMs;
    this.#notBefore = at + pollMs * NS_PER_MS;
    if (work.leaves) this.left = true;
    return done(at, statusBytes(Dfu.ok, pollMs, state));
  }

  #conclude({ status }: WorkDone): void {
    this.#working = undefined;
    if (status !== Dfu.ok) this.fail(status);
    else if (this.state === State.downloadBusy) this.state = State.downloadIdle;
    else this.state = this.#memory.tolerant ? State.idle : State.manifestWaitReset;
  }

  #stall(at: number): Answer {
    this.fail(Dfu.errStalled);
    return { data: undefined, doneAt: at };
  }
}

/** `bStatus bwPollTimeout24 bState iString`. */
function statusBytes(status: number, pollMs: number, state: number): Uint8Array {
  return Uint8Array.of(status, pollMs & 0xff, (pollMs >>> 8) & 0xff, pollMs >>> 16, state, 0);
}

function done(doneAt: number, data: Uint8Array = NOTHING): Answer {
  return { data, doneAt };
}
