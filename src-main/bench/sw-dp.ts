import type { AccessPort } from './bus.ts';

/** SWD acknowledge as its three bits read (ADIv5.2 B4.2.2); `none` is a line that nobody drives. */
export const Ack = { ok: 1, wait: 2, fault: 4, none: 7 } as const;
export type Ack = (typeof Ack)[keyof typeof Ack];

export interface DpAnswer {
  readonly ack: Ack;
  readonly data: number;
}

/** nRF52840: SW-DP version 1, ARM, Cortex-M4 (PS v1.1, 4.8.1; DPIDR as the part answers it). */
export const DPIDR = 0x2ba01477;

/** CTRL/STAT (ADIv5.2 B2.2.2). */
const ORUNDETECT = 1 << 0;
const STICKYORUN = 1 << 1;
const STICKYCMP = 1 << 4;
const STICKYERR = 1 << 5;
const READOK = 1 << 6;
const WDATAERR = 1 << 7;
const CDBGPWRUPREQ = 1 << 28;
const STICKY = STICKYORUN | STICKYCMP | STICKYERR | WDATAERR;
/** Requests at even bits 26, 28, 30; the acknowledge follows each at the next bit up. */
const POWER_REQUESTS = (1 << 26) | (1 << 28) | (1 << 30);
const WRITABLE = POWER_REQUESTS | ORUNDETECT | 0x00000f0c | 0x003ff000;

/**
 * The serial-wire debug port at packet level (ADIv5.2 B2, B4). Times are virtual nanoseconds.
 * AP accesses are posted: a read returns the result of the one before it, and while the bus stalls, AP accesses
 * are answered WAIT.
 */
export class SwDp {
  readonly #aps: ReadonlyMap<number, AccessPort>;
  #control = 0;
  #select = 0;
  #dlcr = 0;
  #readBuffer = 0;
  #resend = 0;
  #apBusyUntil = 0;
  /** A fault of an access that still stalls; it turns sticky when that ends. */
  #faultAt: number | undefined;
  #pendingWrite: { readonly ap: boolean; readonly address: number } | undefined;
  /** After a line reset only a read of DPIDR is answered (ADIv5.2 B4.3.3). */
  #identified = false;

  constructor(aps: ReadonlyMap<number, AccessPort>) {
    this.#aps = aps;
  }

  get overrunDetection(): boolean {
    return (this.#control & ORUNDETECT) !== 0;
  }

  /** Cycles of turnaround that the target uses. */
  get turnaround(): number {
    return ((this.#dlcr >>> 8) & 3) + 1;
  }

  /** Clears the protocol, not the registers behind it (ADIv5.2 B4.3.3). */
  lineReset(): void {
    this.#identified = false;
    this.#pendingWrite = undefined;
    this.#dlcr = 0;
    // SELECT's DPBANKSEL returns to 0, so that DPIDR can be reached.
    this.#select &= ~0xf;
  }

  powerOnReset(): void {
    this.lineReset();
    this.#control = 0;
    this.#select = 0;
    this.#readBuffer = 0;
    this.#resend = 0;
    this.#apBusyUntil = 0;
    this.#faultAt = undefined;
  }

  /** Makes the next access FAULT, as a failed access would have (fault injection). */
  raiseStickyError(): void {
    this.#control |= STICKYERR;
  }

  /** The request phase. A read is carried out; an acknowledged write waits for `writeData`. */
  request(ap: boolean, read: boolean, address: number, at: number): DpAnswer {
    this.#settle(at);
    this.#pendingWrite = undefined;
    const dpidr = !ap && read && address === 0;
    if (!this.#identified && !dpidr) return { ack: Ack.none, data: 0 };
    if (dpidr) this.#identified = true;
    const ack = this.#acknowledge(ap, read, address, at);
    if (ack !== Ack.ok) return { ack, data: 0 };
    if (!read) {
      this.#pendingWrite = { ap, address };
      return { ack, data: 0 };
    }
    return { ack, data: ap ? this.#readAp(address, at) : this.#readDp(address) };
  }

  /** The data phase of an acknowledged write. */
  writeData(value: number, parityOk: boolean, at: number): void {
    const pending = this.#pendingWrite;
    this.#pendingWrite = undefined;
    if (!pending) return;
    if (!parityOk) {
      this.#control |= WDATAERR;
      return;
    }
    if (pending.ap) this.#writeAp(pending.address, value, at);
    else this.#writeDp(pending.address, value);
  }

  /** ADIv5.2 B4.2.3, B4.2.4: DPIDR, CTRL/STAT reads and ABORT writes are never refused. */
  #acknowledge(ap: boolean, read: boolean, address: number, at: number): Ack {
    const always = !ap && (address === 0 || (read && address === 4));
    if (always) return Ack.ok;
    if (this.#control & STICKY) {
      return Ack.fault;
    }
    const touchesAp = ap || (read ? address === 0xc || address === 8 : address === 8);
    if (touchesAp && at < this.#apBusyUntil) {
      if (this.#control & ORUNDETECT) this.#control |= STICKYORUN;
      return Ack.wait;
    }
    return Ack.ok;
  }

  #settle(at: number): void {
    if (this.#faultAt === undefined || at < this.#faultAt) return;
    this.#control |= STICKYERR;
    this.#faultAt = undefined;
  }

  #readDp(address: number): number {
    switch (address) {
      case 0:
        return DPIDR;
      case 4:
        return (this.#select & 0xf) === 1 ? this.#dlcr : this.#status();
      case 8:
        return this.#resend;
      default:
        this.#resend = this.#readBuffer;
        return this.#readBuffer;
    }
  }

  #status(): number {
    const acknowledged = (this.#control & POWER_REQUESTS) << 1;
    return (this.#control | acknowledged) >>> 0;
  }

  #writeDp(address: number, value: number): void {
    if (address === 0) this.#abort(value);
    else if (address === 8) this.#select = value;
    else if (address === 4 && (this.#select & 0xf) === 1) this.#dlcr = value & 0x300;
    else if (address === 4) this.#control = (this.#control & ~WRITABLE) | (value & WRITABLE);
  }

  /** ABORT (ADIv5.2 B2.2.1). */
  #abort(value: number): void {
    if (value & 1) {
      this.#apBusyUntil = 0;
      this.#faultAt = undefined;
    }
    if (value & 2) this.#control &= ~STICKYCMP;
    if (value & 4) this.#control &= ~STICKYERR;
    if (value & 8) this.#control &= ~WDATAERR;
    if (value & 16) this.#control &= ~STICKYORUN;
  }

  #readAp(address: number, at: number): number {
    const previous = this.#readBuffer;
    const result = this.#selectedAp()?.read(this.#bank() | address, at);
    this.#take(result, at);
    // An access port that is not there reads as zero (ADIv5.2 C1.3).
    this.#readBuffer = result?.value ?? 0;
    this.#resend = previous;
    return previous;
  }

  #writeAp(address: number, value: number, at: number): void {
    this.#take(this.#selectedAp()?.write(this.#bank() | address, value, at), at);
  }

  #take(result: { readonly doneAt: number; readonly fault: boolean } | undefined, at: number): void {
    const powered = (this.#control & CDBGPWRUPREQ) !== 0;
    if (!powered) this.#control |= STICKYERR;
    this.#control = powered && !result?.fault ? this.#control | READOK : this.#control & ~READOK;
    if (!result) return;
    this.#apBusyUntil = result.doneAt;
    if (result.fault) this.#faultAt = result.doneAt;
    this.#settle(at);
  }

  #bank(): number {
    return this.#select & 0xf0;
  }

  /** None while the debug domain is not powered (ADIv5.2 B2.4). */
  #selectedAp(): AccessPort | undefined {
    if (!(this.#control & CDBGPWRUPREQ)) return undefined;
    return this.#aps.get(this.#select >>> 24);
  }
}
