import { jtagConfigure, jtagIdcode, jtagSequences } from './cmsis-dap-jtag.ts';
import { CmsisDapTransfers, type TransferSettings } from './cmsis-dap-transfers.ts';
import { JtagHost } from './jtag/jtag-host.ts';
import { PacketReader, PacketWriter, TruncatedPacket } from './packet-reader.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { ProbeProfile } from './probe-profile.ts';
import type { SwdHost } from './swd-host.ts';
import { bitTime } from './swd-time.ts';
import { usToNs } from './virtual-clock.ts';

/** Command ids (CMSIS-DAP 2.1). */
export const Command = {
  info: 0x00,
  hostStatus: 0x01,
  connect: 0x02,
  disconnect: 0x03,
  transferConfigure: 0x04,
  transfer: 0x05,
  transferBlock: 0x06,
  transferAbort: 0x07,
  writeAbort: 0x08,
  delay: 0x09,
  resetTarget: 0x0a,
  swjPins: 0x10,
  swjClock: 0x11,
  swjSequence: 0x12,
  swdConfigure: 0x13,
  jtagSequence: 0x14,
  jtagConfigure: 0x15,
  jtagIdcode: 0x16,
  swdSequence: 0x1d,
  queueCommands: 0x7e,
  executeCommands: 0x7f,
} as const;

const DAP_OK = 0;
const DAP_ERROR = 0xff;
const INVALID = 0xff;
/** SWD, JTAG, atomic commands (ExecuteCommands), test domain timer; second byte: nothing. */
const CAPABILITIES = [0x33, 0x00];
/** Of the timestamps: one tick a microsecond. */
const TIMER_HZ = 1_000_000;
const PIN_SWCLK = 1;
const PIN_SWDIO = 2;
const PIN_TDI = 4;
const PIN_TDO = 8;
const PIN_NTRST = 0x20;
const PIN_NRESET = 0x80;

/**
 * A CMSIS-DAP v2 probe's firmware: bytes in, bytes out, on the virtual clock. Whatever comes in, a response goes out
 * (none for TransferAbort): unknown commands give a single FF, truncated ones their id and FF.
 */
export class CmsisDapDevice {
  readonly #profile: ProbeProfile;
  readonly #serial: string;
  readonly #host: SwdHost;
  readonly #settings: TransferSettings = { waitRetry: 100, matchRetry: 0, matchMask: 0 };
  readonly #jtag: JtagHost;
  readonly #transfers: { readonly swd: CmsisDapTransfers; readonly jtag: CmsisDapTransfers };
  #port: 'none' | 'swd' | 'jtag' = 'none';
  #clockPin = true;
  #testResetPin = true;
  #resetPin = true;
  #abortAt = Infinity;

  constructor(profile: ProbeProfile, serial: string, host: SwdHost, faults: FaultPlan) {
    this.#profile = profile;
    this.#serial = serial;
    this.#host = host;
    this.#jtag = new JtagHost(host, faults);
    const aborted = () => this.#host.now >= this.#abortAt;
    this.#transfers = {
      swd: new CmsisDapTransfers(host, this.#settings, aborted),
      jtag: new CmsisDapTransfers(this.#jtag, this.#settings, aborted),
    };
  }

  /** DAP_TransferAbort reached the probe: the packet being worked on then ends early. */
  abort(at: number): void {
    this.#abortAt = at;
  }

  /** Works a packet off from `at` on; the response is ready at `doneAt`. */
  handle(packet: Uint8Array, at: number): { readonly response: Uint8Array; readonly doneAt: number } {
    this.#host.now = at;
    if (this.#abortAt < at) this.#abortAt = Infinity;
    const out = new PacketWriter(this.#profile.packetSize);
    this.#command(new PacketReader(packet), out);
    this.#host.checkSupply();
    return { response: out.finish(), doneAt: this.#host.now };
  }

  #command(input: PacketReader, out: PacketWriter): void {
    const part = new PacketWriter(out.room);
    let id = INVALID;
    try {
      id = input.u8();
      if (!this.#dispatch(id, input, part)) id = INVALID;
    } catch (error) {
      if (!(error instanceof TruncatedPacket)) throw error;
      out.bytes([id, DAP_ERROR]);
      return;
    }
    out.u8(id);
    if (id !== INVALID) out.bytes(part.finish());
  }

  /** False for a command that this probe does not know. */
  #dispatch(id: number, input: PacketReader, out: PacketWriter): boolean {
    switch (id) {
      case Command.info:
        this.#info(input.u8(), out);
        return true;
      case Command.hostStatus:
        input.bytes(2);
        out.u8(DAP_OK);
        return true;
      case Command.connect:
        this.#connect(input.u8(), out);
        return true;
      case Command.disconnect:
        this.#port = 'none';
        out.u8(DAP_OK);
        return true;
      case Command.transfer:
        this.#runTransfers(input, out, false);
        return true;
      case Command.transferBlock:
        this.#runTransfers(input, out, true);
        return true;
      case Command.delay:
        this.#host.now += usToNs(input.u16());
        out.u8(DAP_OK);
        return true;
      case Command.resetTarget:
        // OK, and 0: there is no device-specific reset sequence.
        out.bytes([DAP_OK, 0]);
        return true;
      case Command.executeCommands:
      case Command.queueCommands:
        this.#several(input, out);
        return true;
      default:
        return this.#wire(id, input, out);
    }
  }

  /** Commands that set up or drive the wire by hand. */
  #wire(id: number, input: PacketReader, out: PacketWriter): boolean {
    switch (id) {
      case Command.transferConfigure:
        this.#host.configure({ idle: input.u8() });
        this.#settings.waitRetry = input.u16();
        this.#settings.matchRetry = input.u16();
        out.u8(DAP_OK);
        return true;
      case Command.writeAbort:
        out.u8(this.#writeAbort(input.u8(), input.u32()) ? DAP_OK : DAP_ERROR);
        return true;
      case Command.swjPins:
        this.#pins(input, out);
        return true;
      case Command.swjClock: {
        const hz = input.u32();
        if (hz > 0) this.#host.configure({ bitNs: bitTime(Math.min(hz, this.#profile.maxClockHz)) });
        out.u8(hz > 0 ? DAP_OK : DAP_ERROR);
        return true;
      }
      case Command.swjSequence: {
        const bits = input.u8() || 256;
        this.#host.drive(input.bytes(Math.ceil(bits / 8)), bits);
        out.u8(DAP_OK);
        return true;
      }
      case Command.swdConfigure: {
        const value = input.u8();
        this.#host.configure({ turnaround: (value & 3) + 1, dataPhase: (value & 4) !== 0 });
        out.u8(DAP_OK);
        return true;
      }
      case Command.swdSequence:
        this.#sequences(input, out);
        return true;
      case Command.jtagSequence:
        jtagSequences(this.#jtag, input, out);
        return true;
      case Command.jtagConfigure:
        jtagConfigure(this.#jtag, input, out);
        return true;
      case Command.jtagIdcode:
        jtagIdcode(this.#jtag, this.#port === 'jtag', input, out);
        return true;
      default:
        return false;
    }
  }

  /** `00 id` -> `00 length bytes`; strings end with a NUL that the length counts, no string is length 0. */
  #info(id: number, out: PacketWriter): void {
    const bytes = this.#infoBytes(id);
    out.u8(bytes.length);
    out.bytes(bytes);
  }

  #infoBytes(id: number): readonly number[] {
    switch (id) {
      case 0x01:
        return text('Flashline');
      case 0x02:
        return text(this.#profile.product);
      case 0x03:
        return text(this.#serial);
      case 0x04:
        return text('2.1.1');
      case 0x09:
        return text('1.0.0');
      case 0xf0:
        return CAPABILITIES;
      case 0xf1:
        return [8, ...u32(TIMER_HZ)];
      case 0xfe:
        return [this.#profile.packetCount];
      case 0xff:
        return [this.#profile.packetSize & 0xff, this.#profile.packetSize >>> 8];
      default:
        return [];
    }
  }

  /** 0 (default) and 1 are SWD, 2 is JTAG; a mode that is missing answers 0. */
  #connect(mode: number, out: PacketWriter): void {
    const [SWD, JTAG] = [1, 2];
    this.#port = mode === JTAG ? 'jtag' : mode === 0 || mode === SWD ? 'swd' : 'none';
    out.u8(this.#port === 'none' ? 0 : this.#port === 'swd' ? SWD : JTAG);
  }

  /** The wire never refuses a write to ABORT. */
  #writeAbort(index: number, value: number): boolean {
    if (this.#port === 'none') return false;
    if (this.#port === 'swd') return this.#host.transfer(false, false, 0, value).ack === 1;
    const there = this.#jtag.choose(index);
    if (there) this.#jtag.writeAbort(value);
    return there;
  }

  #runTransfers(input: PacketReader, out: PacketWriter, block: boolean): void {
    if (this.#port === 'none') {
      // Port disabled: nothing executed, no acknowledge.
      out.bytes(block ? [0, 0, 0] : [0, 0]);
      return;
    }
    const transfers = this.#transfers[this.#port];
    if (block) transfers.block(input, out);
    else transfers.transfer(input, out);
  }

  /** `10 output select wait32` -> the pins as they are then. */
  #pins(input: PacketReader, out: PacketWriter): void {
    const output = input.u8();
    const select = input.u8();
    const wait = Math.min(input.u32(), 3_000_000);
    if (select & PIN_NRESET) {
      const released = (output & PIN_NRESET) !== 0;
      if (released !== this.#resetPin) this.#host.resetPin(!released);
      this.#resetPin = released;
    }
    if (select & PIN_NTRST) {
      const released = (output & PIN_NTRST) !== 0;
      if (released !== this.#testResetPin) this.#host.testReset(!released);
      this.#testResetPin = released;
    }
    if (select & PIN_SWDIO) this.#host.swdio = output & PIN_SWDIO ? 1 : 0;
    if (select & PIN_TDI) this.#host.tdi = output & PIN_TDI ? 1 : 0;
    if (select & PIN_SWCLK) this.#setClockPin((output & PIN_SWCLK) !== 0);
    this.#host.now += usToNs(wait);
    out.u8(this.#readPins());
  }

  /** Its rising edge is a clock, as any other. */
  #setClockPin(high: boolean): void {
    if (high && !this.#clockPin) this.#host.cycle(this.#host.swdio, this.#host.tdi);
    this.#clockPin = high;
  }

  #readPins(): number {
    const { swdio, tdi, tdo } = this.#host;
    const own = (this.#clockPin ? PIN_SWCLK : 0) | (swdio ? PIN_SWDIO : 0) | (tdi ? PIN_TDI : 0);
    return own | (tdo ? PIN_TDO : 0) | (this.#testResetPin ? PIN_NTRST : 0) | (this.#resetPin ? PIN_NRESET : 0);
  }

  /** `1D count {info [bits]}...`: info bits 0-5 cycles (0 is 64), bit 7 listens. */
  #sequences(input: PacketReader, out: PacketWriter): void {
    const count = input.u8();
    const heard: number[] = [];
    for (let i = 0; i < count; i++) {
      const info = input.u8();
      const cycles = info & 0x3f || 64;
      if (info & 0x80) heard.push(...this.#host.listen(cycles));
      else this.#host.drive(input.bytes(Math.ceil(cycles / 8)), cycles);
    }
    out.u8(DAP_OK);
    out.bytes(heard);
  }

  /** `7F count {command}...` -> `7F count {response}...` */
  #several(input: PacketReader, out: PacketWriter): void {
    const count = input.u8();
    out.u8(count);
    for (let i = 0; i < count; i++) this.#command(input, out);
  }
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value), 0];
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
