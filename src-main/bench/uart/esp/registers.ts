import type { NorFlash } from './nor-flash.ts';
import type { EspPart } from './parts.ts';

/** ESP32: EFUSE_BLK0_RDATA0 and 6. */
const RDATA0 = 0x3ff5_a000;
const RDATA6 = 0x3ff5_a018;
/** SPI_USR in the command register, and READ ID. */
const START = 0x40000;
const READ_ID = 0x9f;

export interface Burnt {
  readonly mac: Uint8Array;
  readonly flashEncryption: boolean;
  readonly secureBoot: boolean;
}

/** What loaders read and write of the chip: eFuses, the ROM's magic word, the SPI controller. */
export class EspRegisters {
  readonly #part: EspPart;
  readonly #flash: NorFlash;
  readonly #words = new Map<number, number>();

  constructor(part: EspPart, flash: NorFlash, { mac, flashEncryption, secureBoot }: Burnt) {
    this.#part = part;
    this.#flash = flash;
    const byte = (index: number) => mac[index] ?? 0;
    this.#words.set(0x4000_1000, part.magic);
    this.#words.set(part.mac.high, (byte(0) << 8) | byte(1));
    this.#words.set(part.mac.low, ((byte(2) << 24) | (byte(3) << 16) | (byte(4) << 8) | byte(5)) >>> 0);
    if (part.security !== 'none') return;
    this.#words.set(RDATA0, flashEncryption ? 1 << 20 : 0);
    this.#words.set(RDATA6, secureBoot ? 1 << 5 : 0);
  }

  read(address: number): number {
    return this.#words.get(address) ?? 0;
  }

  write(address: number, value: number, mask: number): void {
    if (this.#isFuse(address)) return;
    this.#words.set(address, ((value & mask) | (this.read(address) & ~mask)) >>> 0);
    if (address === this.#part.spi && (value & START) !== 0) this.#command();
  }

  #command(): void {
    const { spi, spiOld } = this.#part;
    this.#words.set(spi, 0);
    const command = this.read(spi + (spiOld ? 0x24 : 0x20)) & 0xff;
    this.#words.set(spi + (spiOld ? 0x80 : 0x58), command === READ_ID ? this.#flash.jedecId : 0);
  }

  /** Read registers of eFuses are just that. */
  #isFuse(address: number): boolean {
    const { low, high } = this.#part.mac;
    return address === low || address === high || address === RDATA0 || address === RDATA6;
  }
}
