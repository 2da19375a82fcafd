import type { AccessPort, AccessResult } from './bus.ts';

/** What makes one debug port different from the next. */
export interface DpIdentity {
  /** DPIDR; its bits 12-15 say which version of the architecture the port follows. */
  readonly dpidr: number;
  /** TARGETID of a port that shares its wires with others (DPv2, ADIv5.2 B2.2.11); left out, the port is alone. */
  readonly targetId?: number;
  /** TINSTANCE, 0 to 15, which tells ports with the same TARGETID apart (DLPIDR, ADIv5.2 B2.2.4). */
  readonly instance?: number;
}

/** CTRL/STAT (ADIv5.2 B2.2.2). */
const ORUNDETECT = 1 << 0;
const STICKYORUN = 1 << 1;
const STICKYCMP = 1 << 4;
const STICKYERR = 1 << 5;
const READOK = 1 << 6;
const WDATAERR = 1 << 7;
const CDBGPWRUPREQ = 1 << 28;
const STICKY = STICKYORUN | STICKYCMP | STICKYERR | WDATAERR;
/** What a JTAG-DP clears where ones are written to CTRL/STAT (ADIv5.2 B2.2.2). */
const CLEARED_BY_WRITING = STICKYORUN | STICKYCMP | STICKYERR;
/** Requests at even bits 26, 28, 30; the acknowledge follows each at the next bit up. */
const POWER_REQUESTS = (1 << 26) | (1 << 28) | (1 << 30);
const WRITABLE = POWER_REQUESTS | ORUNDETECT | 0x00000f0c | 0x003ff000;

/** DLPIDR.PROTVSN: SWD protocol version 2. */
const PROTOCOL_VERSION = 1;

/**
 * A debug port's registers and its way to the access ports (ADIv5.2 B2), whatever wires lead to it: SW-DP and JTAG-DP
 * each put their own protocol before it. Times are virtual nanoseconds. Which answers are posted is the protocol's.
 */
export class DpRegisters {
  readonly identity: DpIdentity;
  readonly #aps: ReadonlyMap<number, AccessPort>;
  #control = 0;
  #select = 0;
  #dlcr = 0;
  #apBusyUntil = 0;
  /** A fault of an access that still stalls; it turns sticky when that ends. */
  #faultAt: number | undefined;

  constructor(aps: ReadonlyMap<number, AccessPort>, identity: DpIdentity) {
    this.#aps = aps;
    this.identity = identity;
  }

  get overrunDetection(): boolean {
    return (this.#control & ORUNDETECT) !== 0;
  }

  get sticky(): boolean {
    return (this.#control & STICKY) !== 0;
  }

  /** Cycles of turnaround that the target uses (DLCR.TURNROUND + 1). */
  get turnaround(): number {
    return ((this.#dlcr >>> 8) & 3) + 1;
  }

  get select(): number {
    return this.#select >>> 0;
  }

  /** What an SWD line reset reaches: turnaround and DPBANKSEL return to 0, so that DPIDR can be read. */
  lineReset(): void {
    this.#dlcr = 0;
    this.#select &= ~0xf;
  }

  powerOnReset(): void {
    this.lineReset();
    this.#control = 0;
    this.#select = 0;
    this.#apBusyUntil = 0;
    this.#faultAt = undefined;
  }

  raiseStickyError(): void {
    this.#control |= STICKYERR;
  }

  raiseWriteDataError(): void {
    this.#control |= WDATAERR;
  }

  /** Whether an access port still works on the last access; with overrun detection, asking too early is remembered. */
  busy(at: number): boolean {
    if (at >= this.#apBusyUntil) return false;
    if (this.#control & ORUNDETECT) this.#control |= STICKYORUN;
    return true;
  }

  /** Until when an access port works on the last access; 0 where asking meanwhile would leave a trace. */
  get busyUntil(): number {
    return this.#control & ORUNDETECT ? 0 : this.#apBusyUntil;
  }

  /** Makes what has ended by now visible. */
  settle(at: number): void {
    if (this.#faultAt === undefined || at < this.#faultAt) return;
    this.#control |= STICKYERR;
    this.#faultAt = undefined;
  }

  /** DPIDR at 0, the register that DPBANKSEL picks at 4; what stands at 8 and 0xC differs between the protocols. */
  read(address: number): number {
    return address === 0 ? this.identity.dpidr >>> 0 : this.#readBank(this.#select & 0xf);
  }

  #readBank(bank: number): number {
    const { targetId, instance = 0 } = this.identity;
    if (bank === 1) return this.#dlcr;
    if (bank === 2 && targetId !== undefined) return targetId >>> 0;
    if (bank === 3 && targetId !== undefined) return ((instance << 28) | PROTOCOL_VERSION) >>> 0;
    if (bank === 4 && targetId !== undefined) return 1;
    const acknowledged = (this.#control & POWER_REQUESTS) << 1;
    return (this.#control | acknowledged) >>> 0;
  }

  /** CTRL/STAT or DLCR at 4, SELECT at 8. `oneClears`: the JTAG-DP's way with the sticky flags. */
  write(address: number, value: number, oneClears: boolean): void {
    const bank = this.#select & 0xf;
    if (address === 8) this.#select = value;
    else if (address === 4 && bank === 1) this.#dlcr = value & 0x300;
    else if (address === 4 && bank === 0) {
      this.#control = (this.#control & ~WRITABLE) | (value & WRITABLE);
      if (oneClears) this.#control &= ~(value & CLEARED_BY_WRITING);
    }
  }

  /** ABORT (ADIv5.2 B2.2.1). */
  abort(value: number): void {
    if (value & 1) {
      this.#apBusyUntil = 0;
      this.#faultAt = undefined;
    }
    if (value & 2) this.#control &= ~STICKYCMP;
    if (value & 4) this.#control &= ~STICKYERR;
    if (value & 8) this.#control &= ~WDATAERR;
    if (value & 16) this.#control &= ~STICKYORUN;
  }

  /** The access itself; its word. An access port that is not there reads as zero (ADIv5.2 C1.3). */
  readAp(address: number, at: number): number {
    const result = this.#selectedAp()?.read(this.#bank() | address, at);
    this.#take(result, at);
    return result?.value ?? 0;
  }

  writeAp(address: number, value: number, at: number): void {
    this.#take(this.#selectedAp()?.write(this.#bank() | address, value, at), at);
  }

  #take(result: AccessResult | undefined, at: number): void {
    const powered = (this.#control & CDBGPWRUPREQ) !== 0;
    if (!powered) this.#control |= STICKYERR;
    this.#control = powered && !result?.fault ? this.#control | READOK : this.#control & ~READOK;
    if (!result) return;
    this.#apBusyUntil = result.doneAt;
    if (result.fault) this.#faultAt = result.doneAt;
    this.settle(at);
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
