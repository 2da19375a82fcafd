import { hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Hf2Client } from './hf2-client.ts';

/**
 * The SAM D's flash controller, driven by READ and WRITE WORDS (SAM D21 data sheet, 22 NVMCTRL): pages are written whole
 * by the boot loader, erased before. A valid flag must be cleared and set by itself, and that only the controller does.
 */
const PAGE = 64;
const CTRLA = 0x00;
const CTRLB = 0x04;
const INTFLAG = 0x14;
const STATUS = 0x18;
const ADDR = 0x1c;

const KEY = 0xa500;
const ERASE_ROW = 0x02;
const WRITE_PAGE = 0x04;
const CLEAR_PAGE_BUFFER = 0x44;
/** Pages are written by command, not with their last word. */
const MANUAL_WRITE = 1 << 7;
const READY = 1;
const ERRORS = 0x1c;
/** A row's erase takes 6 ms. */
const COMMAND_MS = 1000;

export class WordWriter {
  readonly #client: Hf2Client;
  readonly #base: number;

  constructor(client: Hf2Client, base: number) {
    this.#client = client;
    this.#base = base;
  }

  async eraseRow(address: number, io: IoContext): Promise<void> {
    await this.#begin(io);
    // The register counts halfwords.
    await this.#write(ADDR, address >>> 1, io);
    await this.#command(ERASE_ROW, address, io);
  }

  /** Programs whole words without an erase; the others of their pages stay as they are. */
  async program(address: number, bytes: Uint8Array, io: IoContext): Promise<void> {
    await this.#begin(io);
    for (let at = 0; at < bytes.length;) {
      const size = Math.min(PAGE - ((address + at) % PAGE), bytes.length - at);
      await this.#command(CLEAR_PAGE_BUFFER, address + at, io);
      const words = Array.from({ length: size / 4 }, (_, index) => readU32(bytes, at + index * 4));
      await this.#client.writeWords(address + at, words, io);
      await this.#command(WRITE_PAGE, address + at, io);
      at += size;
    }
  }

  /** The boot loader leaves the controller as its own writes want it, and errors of others in it. */
  async #begin(io: IoContext): Promise<void> {
    const control = readU32(await this.#client.readWords(this.#base + CTRLB, 1, io), 0);
    await this.#write(CTRLB, (control | MANUAL_WRITE) >>> 0, io);
    await this.#write(STATUS, ERRORS, io);
  }

  async #command(command: number, address: number, io: IoContext): Promise<void> {
    await this.#write(CTRLA, KEY | command, io);
    const until = io.clock.monotonic() + COMMAND_MS;
    do {
      const flags = readU32(await this.#client.readWords(this.#base + INTFLAG, 1, io), 0);
      if ((flags & READY) === 0) continue;
      const status = readU32(await this.#client.readWords(this.#base + STATUS, 1, io), 0);
      if ((status & ERRORS) === 0) return;
      throw new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) } });
    } while (io.clock.monotonic() < until);
    const params = { address: hexAddress(address), seconds: COMMAND_MS / 1000 };
    throw new FlashlineError('flash-timeout', { where: { address }, params });
  }

  async #write(register: number, value: number, io: IoContext): Promise<void> {
    await this.#client.writeWords(this.#base + register, [value], io);
  }
}
