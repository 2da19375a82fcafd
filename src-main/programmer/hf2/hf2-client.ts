import { hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import { commandPackets, Hf2Reader, type Hf2Response } from './hf2-packets.ts';

/** hf2.md, "Standard commands". */
const Command = {
  binInfo: 0x0001,
  info: 0x0002,
  resetIntoApp: 0x0003,
  resetIntoBootLoader: 0x0004,
  startFlash: 0x0005,
  writeFlashPage: 0x0006,
  checksumPages: 0x0007,
  readWords: 0x0008,
  writeWords: 0x0009,
  dmesg: 0x0010,
} as const;

const OK = 0;
const NOT_UNDERSTOOD = 1;
const BOOT_LOADER = 1;
/** A page takes 16 ms, checksums of 158 pages some 60: nothing takes near that long. */
const ANSWER_MS = 1000;
/** Command and response heads, and the number of words. */
const OVERHEAD = 64;
/** A packet's payload, and the response's head in the first. */
const PACKET_PAYLOAD = 63;
const RESPONSE_HEAD = 4;
/** A command's head, address and number of words. */
const WRITE_WORDS_HEAD = 16;

export interface BinInfo {
  /** False: firmware that speaks HF2 too. */
  readonly bootLoader: boolean;
  readonly pageSize: number;
  readonly pages: number;
  readonly longestMessage: number;
  /** Older boot loaders do not tell. */
  readonly family: number | undefined;
}

/** HF2 over a link of packets: one command at a time, each with a tag of its own. */
export class Hf2Client {
  readonly #link: Link;
  readonly #reader = new Hf2Reader();
  #tag = 0;
  #longest = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  get url(): string {
    return this.#link.url;
  }

  async binInfo(io: IoContext): Promise<BinInfo> {
    const data = await this.#ask(Command.binInfo, [], io);
    if (data.length < 16) throw this.#strange(`BININFO of ${data.length} bytes`);
    const [mode, pageSize, pages, longestMessage] = [0, 4, 8, 12].map((at) => readU32(data, at));
    const family = data.length >= 20 ? readU32(data, 16) : undefined;
    if (!pageSize || pages === undefined || !longestMessage || longestMessage < pageSize + OVERHEAD)
      throw this.#strange(`pages of ${pageSize} bytes in messages of ${longestMessage}`);
    this.#longest = longestMessage;
    return { bootLoader: mode === BOOT_LOADER, pageSize, pages, longestMessage, family };
  }

  /** As INFO_UF2.TXT. */
  async info(io: IoContext): Promise<string> {
    return new TextDecoder().decode(await this.#ask(Command.info, [], io));
  }

  /** What the boot loader logged; empty where it keeps nothing. */
  async dmesg(io: IoContext): Promise<string> {
    const { status, data } = await this.#exchange(Command.dmesg, new Uint8Array(), io);
    return status === OK ? new TextDecoder().decode(data) : '';
  }

  /** From firmware over to the boot loader; one that runs already takes no notice. */
  async startFlash(io: IoContext): Promise<void> {
    await this.#ask(Command.startFlash, [], io);
  }

  /** Resolves when the command is sent: there is no response, for the device is gone. */
  async resetIntoApp(io: IoContext): Promise<void> {
    await this.#send(Command.resetIntoApp, new Uint8Array(), io);
  }

  async resetIntoBootLoader(io: IoContext): Promise<void> {
    await this.#send(Command.resetIntoBootLoader, new Uint8Array(), io);
  }

  /** The response comes before the page is written: what is asked next waits for that. */
  async writePage(address: number, page: Uint8Array, io: IoContext): Promise<void> {
    const data = new Uint8Array(4 + page.length);
    new DataView(data.buffer).setUint32(0, address, true);
    data.set(page, 4);
    const { status } = await this.#exchange(Command.writeFlashPage, data, io);
    if (status === NOT_UNDERSTOOD) throw this.#strange('it does not know WRITE FLASH PAGE');
    if (status !== OK)
      throw new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) } });
  }

  /** hf2.md gives this limit. */
  get mostChecksums(): number {
    return Math.floor(this.#longest / 2) - 2;
  }

  /** CRC-16s of so many pages from `address` on, which need not be a page's start. */
  async checksums(address: number, pages: number, io: IoContext): Promise<number[]> {
    const data = await this.#ask(Command.checksumPages, [address, pages], io);
    if (data.length !== pages * 2) throw this.#strange(`${data.length} bytes of checksums for ${pages} pages`);
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    return Array.from({ length: pages }, (_, index) => view.getUint16(index * 2, true));
  }

  /** Bytes that READ WORDS takes in whole packets: what begins another packet costs another frame. */
  get readBytes(): number {
    const packets = Math.max(1, Math.floor(this.#longest / PACKET_PAYLOAD));
    const words = Math.floor((Math.min(packets * PACKET_PAYLOAD, this.#longest) - RESPONSE_HEAD) / 4);
    return words * 4;
  }

  /** Bytes that WRITE WORDS takes in whole packets. */
  get writeBytes(): number {
    const packets = Math.max(1, Math.floor(this.#longest / PACKET_PAYLOAD));
    const words = Math.floor((packets * PACKET_PAYLOAD - WRITE_WORDS_HEAD) / 4);
    return words * 4;
  }

  /** `words` from a word's address on, at most `readBytes` of them. */
  async readWords(address: number, words: number, io: IoContext): Promise<Uint8Array> {
    const data = await this.#ask(Command.readWords, [address, words], io);
    if (data.length !== words * 4) throw this.#strange(`${data.length} bytes for ${words} words`);
    return data;
  }

  async writeWords(address: number, words: readonly number[], io: IoContext): Promise<void> {
    await this.#ask(Command.writeWords, [address, words.length, ...words], io);
  }

  async #ask(id: number, words: readonly number[], io: IoContext): Promise<Uint8Array> {
    const bytes = new Uint8Array(words.length * 4);
    const view = new DataView(bytes.buffer);
    words.forEach((word, index) => view.setUint32(index * 4, word, true));
    const { status, statusInfo, data } = await this.#exchange(id, bytes, io);
    if (status === OK) return data;
    const why = status === NOT_UNDERSTOOD ? 'is not understood' : `fails with status ${status}, ${statusInfo}`;
    throw this.#strange(`command ${id} ${why}`);
  }

  async #exchange(id: number, data: Uint8Array, io: IoContext): Promise<Hf2Response> {
    const tag = await this.#send(id, data, io);
    for (;;) {
      const response = this.#reader.push(await this.#link.read(ANSWER_MS, io));
      if (typeof response === 'string') throw this.#strange(response);
      // An answer to somebody who asked before us.
      if (response?.tag === tag) return response;
    }
  }

  async #send(id: number, data: Uint8Array, io: IoContext): Promise<number> {
    const tag = (this.#tag = (this.#tag + 1) & 0xffff);
    for (const packet of commandPackets(id, tag, data)) await this.#link.write(packet, io);
    return tag;
  }

  #strange(detail: string): FlashlineError {
    return new FlashlineError('probe-protocol', { params: { url: this.#link.url, detail } });
  }
}
