import { I2cMaster } from '../i2c/i2c-master.ts';
import type { I2cWire } from '../i2c/i2c-wire.ts';

const REPORT = 64;
const DATA = 60;
/** Engine states as a host sees them (DS20005565, 3.1.1; names as in Linux' driver). */
const State = {
  idle: 0,
  startTimeout: 0x12,
  addressNack: 0x25,
  dataNack: 0x44,
  noStop: 0x45,
  partial: 0x54,
  complete: 0x55,
};
const CLOCK_HZ = 12_000_000;

/** An MCP2221A behind its HID reports: 64 bytes in, 64 bytes out. */
export class Mcp2221Device {
  readonly #wire: I2cWire;
  readonly #master: I2cMaster;
  #divider = 117;
  #state = State.idle;
  /** A write whose data is still coming. */
  #gathering:
    | { readonly code: number; readonly address: number; readonly bytes: number[]; readonly length: number }
    | undefined;
  #read: number[] = [];

  constructor(wire: I2cWire) {
    this.#wire = wire;
    this.#master = new I2cMaster(wire, CLOCK_HZ / 120);
  }

  /** The answer, and when it is there. Bytes on the bus go on meanwhile. */
  handle(report: Uint8Array, at: number): { readonly response: Uint8Array; readonly doneAt: number } {
    this.#master.at = Math.max(this.#master.at, at);
    const response = new Uint8Array(REPORT);
    const code = report[0] ?? 0;
    response[0] = code;
    if (code === 0x10) this.#status(report, response);
    else if (code === 0x40) this.#getData(response);
    else if (code === 0x90 || code === 0x92 || code === 0x94) this.#write(code, report, response);
    else if (code === 0x91 || code === 0x93) this.#startRead(report, response);
    // What has settings is answered as done; nothing else is modelled.
    else if (code !== 0x50 && code !== 0x51 && code !== 0x60 && code !== 0x61 && code !== 0xb0) response[1] = 0x01;
    return { response, doneAt: Math.round(this.#master.at) };
  }

  #status(report: Uint8Array, response: Uint8Array): void {
    if (report[2] === 0x10) {
      response[2] = this.#state === State.idle ? 0x11 : 0x10;
      this.#master.stop();
      this.#state = State.idle;
      this.#gathering = undefined;
      this.#read = [];
    }
    if (report[3] === 0x20) {
      const idle = this.#state === State.idle;
      response[3] = idle ? 0x20 : 0x21;
      if (idle) this.#divider = report[4] ?? 0;
      this.#master.setClock(CLOCK_HZ / (this.#divider + 3));
    }
    response[4] = this.#divider;
    response[8] = this.#state;
    response[14] = this.#divider;
    response[20] = this.#state === State.addressNack ? 0x40 : 0;
    response[22] = this.#wire.scl ? 1 : 0;
    response[23] = this.#wire.sda ? 1 : 0;
    response.set([0x41, 0x36, 0x31, 0x31], 46);
  }

  #write(code: number, report: Uint8Array, response: Uint8Array): void {
    const length = (report[1] ?? 0) | ((report[2] ?? 0) << 8);
    if (!this.#gathering) {
      if (this.#state !== State.idle && this.#state !== State.noStop) {
        response[1] = 0x01;
        return;
      }
      this.#gathering = { code, address: report[3] ?? 0, bytes: [], length };
    }
    const { bytes, length: wanted, address } = this.#gathering;
    bytes.push(...report.subarray(4, 4 + Math.min(DATA, wanted - bytes.length)));
    if (bytes.length < wanted) return;
    this.#gathering = undefined;
    if (!this.#address(address & 0xfe)) return;
    for (const byte of bytes) {
      if (this.#master.write(byte)) continue;
      this.#state = State.dataNack;
      return;
    }
    this.#state = code === 0x94 ? State.noStop : State.idle;
    if (code !== 0x94) this.#master.stop();
  }

  #startRead(report: Uint8Array, response: Uint8Array): void {
    if (this.#state !== State.idle && this.#state !== State.noStop) {
      response[1] = 0x01;
      return;
    }
    const length = (report[1] ?? 0) | ((report[2] ?? 0) << 8);
    if (!this.#address((report[3] ?? 0) | 1)) return;
    this.#read = Array.from({ length }, (_, index) => this.#master.read(index < length - 1));
    this.#master.stop();
    this.#state = length === 0 ? State.idle : State.partial;
  }

  #getData(response: Uint8Array): void {
    response[2] = this.#state;
    if (this.#state !== State.partial) {
      if (this.#state !== State.idle) response[1] = 0x41;
      return;
    }
    const piece = this.#read.splice(0, DATA);
    response[2] = this.#read.length === 0 ? State.complete : State.partial;
    response[3] = piece.length;
    response.set(piece, 4);
    if (this.#read.length === 0) this.#state = State.idle;
  }

  /** False: nobody acknowledged, or the bus is not free. */
  #address(byte: number): boolean {
    if (!this.#wire.sda && this.#state === State.idle) {
      this.#state = State.startTimeout;
      return false;
    }
    this.#master.start();
    if (this.#master.write(byte)) return true;
    this.#state = State.addressNack;
    return false;
  }
}
