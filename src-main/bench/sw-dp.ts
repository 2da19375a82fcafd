import type { AccessPort } from './bus.ts';
import { DpRegisters, type DpIdentity } from './dp-registers.ts';

/** SWD acknowledge as its three bits read (ADIv5.2 B4.2.2); `none` is a line that nobody drives. */
export const Ack = { ok: 1, wait: 2, fault: 4, none: 7 } as const;
export type Ack = (typeof Ack)[keyof typeof Ack];

export interface DpAnswer {
  readonly ack: Ack;
  readonly data: number;
}

/** nRF52840: SW-DP version 1, ARM, Cortex-M4 (PS v1.1, 4.8.1; DPIDR as the part answers it). */
export const DPIDR = 0x2ba01477;

/**
 * The serial-wire debug port at packet level (ADIv5.2 B4). Times are virtual nanoseconds.
 * AP accesses are posted: a read returns the result of the one before it, and while the bus stalls, AP accesses
 * are answered WAIT.
 */
export class SwDp {
  /** A JTAG-DP of the same chip may share them (an SWJ-DP). */
  readonly registers: DpRegisters;
  #readBuffer = 0;
  #resend = 0;
  #pendingWrite: { readonly ap: boolean; readonly address: number } | undefined;
  /** After a line reset only a read of DPIDR is answered (ADIv5.2 B4.3.3). */
  #identified = false;
  /** False from a TARGETSEL that names another port until the next line reset. */
  #selected = true;

  constructor(aps: ReadonlyMap<number, AccessPort>, identity: DpIdentity = { dpidr: DPIDR }) {
    this.registers = new DpRegisters(aps, identity);
  }

  get overrunDetection(): boolean {
    return this.registers.overrunDetection;
  }

  /** Cycles of turnaround that the target uses. */
  get turnaround(): number {
    return this.registers.turnaround;
  }

  /** Shares its wires with other ports, and is picked by TARGETSEL. */
  get multiDrop(): boolean {
    return this.registers.identity.targetId !== undefined;
  }

  /** Clears the protocol, not the registers behind it (ADIv5.2 B4.3.3). */
  lineReset(): void {
    this.#identified = false;
    this.#selected = true;
    this.#pendingWrite = undefined;
    this.registers.lineReset();
  }

  /**
   * TARGETSEL, the first thing after a line reset: TARGETID's bits 0-27 and TINSTANCE in bits 28-31 pick the port that
   * answers from now on (ADIv5.2 B2.2.10).
   */
  targetSelect(value: number): void {
    const { targetId, instance = 0 } = this.registers.identity;
    if (targetId !== undefined) this.#selected = ((targetId & 0x0fffffff) | (instance << 28)) >>> 0 === value >>> 0;
  }

  powerOnReset(): void {
    this.lineReset();
    this.registers.powerOnReset();
    this.#readBuffer = 0;
    this.#resend = 0;
  }

  /** Makes the next access FAULT, as a failed access would have (fault injection). */
  raiseStickyError(): void {
    this.registers.raiseStickyError();
  }

  /** The request phase. A read is carried out; an acknowledged write waits for `writeData`. */
  request(ap: boolean, read: boolean, address: number, at: number): DpAnswer {
    this.registers.settle(at);
    this.#pendingWrite = undefined;
    const dpidr = !ap && read && address === 0;
    if (!this.#selected || (!this.#identified && !dpidr)) return { ack: Ack.none, data: 0 };
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
    if (!parityOk) this.registers.raiseWriteDataError();
    else if (pending.ap) this.registers.writeAp(pending.address, value, at);
    else if (pending.address === 0) this.registers.abort(value);
    else this.registers.write(pending.address, value, false);
  }

  /** ADIv5.2 B4.2.3, B4.2.4: DPIDR, CTRL/STAT reads and ABORT writes are never refused. */
  #acknowledge(ap: boolean, read: boolean, address: number, at: number): Ack {
    const always = !ap && (address === 0 || (read && address === 4));
    if (always) return Ack.ok;
    if (this.registers.sticky) return Ack.fault;
    const touchesAp = ap || (read ? address === 0xc || address === 8 : address === 8);
    return touchesAp && this.registers.busy(at) ? Ack.wait : Ack.ok;
  }

  #readDp(address: number): number {
    if (address === 8) return this.#resend;
    if (address !== 0xc) return this.registers.read(address);
    this.#resend = this.#readBuffer;
    return this.#readBuffer;
  }

  #readAp(address: number, at: number): number {
    const previous = this.#readBuffer;
    this.#readBuffer = this.registers.readAp(address, at);
    this.#resend = previous;
    return previous;
  }
}
