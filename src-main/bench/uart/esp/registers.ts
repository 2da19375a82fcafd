import type { EfuseController } from './efuse/controller.ts';
import type { NorFlash } from './nor-flash.ts';
import type { EspPart } from './parts.ts';

/** SPI_USR in the command register, and READ ID. */
const START = 0x40000;
const READ_ID = 0x9f;
const MAGIC = 0x4000_1000;

/** What loaders read and write of the chip: eFuses, the ROM's magic word, the SPI controller, the UART's divider. */
export class EspRegisters {
  readonly #part: EspPart;
  readonly #flash: NorFlash;
  readonly #efuses: EfuseController;
  readonly #words = new Map<number, number>();

  constructor(part: EspPart, flash: NorFlash, efuses: EfuseController) {
    this.#part = part;
    this.#flash = flash;
    this.#efuses = efuses;
    this.#words.set(MAGIC, part.magic);
    for (const [address, word] of part.words) this.#words.set(address, word);
  }

  read(address: number, at: number): number {
    if (this.#efuses.has(address)) return this.#efuses.read(address, at);
    return this.#words.get(address) ?? 0;
  }

  write(address: number, value: number, mask: number, at: number): void {
    const word = ((value & mask) | (mask === 0xffff_ffff ? 0 : this.read(address, at) & ~mask)) >>> 0;
    if (this.#efuses.has(address)) {
      this.#efuses.write(address, word, at);
      return;
    }
    this.#words.set(address, word);
    if (address === this.#part.spi && (value & START) !== 0) this.#command();
  }

  #command(): void {
    const { spi, spiOld } = this.#part;
    this.#words.set(spi, 0);
    const command = (this.#words.get(spi + (spiOld ? 0x24 : 0x20)) ?? 0) & 0xff;
    this.#words.set(spi + (spiOld ? 0x80 : 0x58), command === READ_ID ? this.#flash.jedecId : 0);
  }
}
