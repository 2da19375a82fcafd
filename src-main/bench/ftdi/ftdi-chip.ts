import type { MpsseBoard } from './mpsse-board.ts';
import { MpsseInterpreter } from './mpsse-interpreter.ts';

/** Vendor requests (as libftdi names them) and the bit modes that are modelled. */
const Request = {
  reset: 0x00,
  modemStatus: 0x05,
  latency: 0x09,
  getLatency: 0x0a,
  bitMode: 0x0b,
  readEeprom: 0x90,
} as const;
const MPSSE_MODE = 0x02;
/** Modem status as an idle channel shows it: transmitter empty (AN_232B-03). */
const STATUS = [0x32, 0x60] as const;
export const FTDI_PACKET = 512;

/** An H chip's channel with an MPSSE: what a host's requests and packets do to the board on its pins. */
export class FtdiChip {
  readonly mpsse: MpsseInterpreter;
  #mpsseOn = false;
  #latency = 16;
  #waiting: number[] = [];
  /** When what waits was all there. */
  readyAt = 0;

  constructor(board: MpsseBoard) {
    this.mpsse = new MpsseInterpreter(board);
  }

  /** Milliseconds after which a packet that is not full is sent. */
  get latency(): number {
    return this.#latency;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  /** A vendor request; undefined: it does not know it. */
  control(request: number, value: number): Uint8Array | undefined {
    switch (request) {
      case Request.reset:
        if (value === 0) this.#reset();
        if (value === 1) this.#purge();
        if (value === 2) this.mpsse.purgeInput();
        return new Uint8Array();
      case Request.bitMode:
        this.#mpsseOn = value >> 8 === MPSSE_MODE;
        this.#purge();
        this.mpsse.reset();
        return new Uint8Array();
      case Request.latency:
        this.#latency = value & 0xff;
        return new Uint8Array();
      case Request.getLatency:
        return Uint8Array.of(this.#latency);
      case Request.modemStatus:
        return Uint8Array.from(STATUS);
      case Request.readEeprom:
        // A module without its configuration EEPROM.
        return Uint8Array.of(0xff, 0xff);
      default:
        // Flow control, baud rate, event characters: for the serial port that it also is.
        return request <= 0x0c ? new Uint8Array() : undefined;
    }
  }

  /** Bytes from the host; without MPSSE they leave as serial data, to nobody. */
  write(bytes: Uint8Array, at: number): void {
    if (!this.#mpsseOn) return;
    this.mpsse.take(bytes, at);
    const replies = this.mpsse.replies();
    if (replies.length === 0) return;
    for (const byte of replies) this.#waiting.push(byte);
    this.readyAt = Math.round(this.mpsse.at);
  }

  /** One USB packet, full or not. */
  packet(): Uint8Array {
    return Uint8Array.of(...STATUS, ...this.#waiting.splice(0, FTDI_PACKET - STATUS.length));
  }

  #purge(): void {
    this.#waiting = [];
    this.mpsse.purgeReplies();
  }

  #reset(): void {
    this.#purge();
    this.mpsse.purgeInput();
    this.#latency = 16;
  }
}
