import type { EfuseController } from './efuse/controller.ts';
import type { NorFlash } from './nor-flash.ts';
import type { EspPart } from './parts.ts';

/** SPI_USR in the command register, and READ ID. */
const START = 0x40000;
const READ_ID = 0x9f;
const MAGIC = 0x4000_1000;
/** SPI1 of an ESP32 (TRM, SPI Controller): CTRL with FASTRD_MODE and FREAD_DUAL, CLOCK with EQU_SYSCLK and N. */
const CTRL = 0x08;
const CLOCK = 0x18;
const FAST = 1 << 13;
const DUAL = 1 << 14;
const QUAD = 1 << 20;
/** The ROM's own, in RAM: dummy cycles that it adds, a byte each for SPI0 and SPI1 (ESP-IDF, esp32.rom.ld). */
const DUMMIES = 0x3ffa_e290;
const APB_MHZ = 80;
/** What the stub's SPI set-up leaves in them (esp-stub-lib, target/esp32/flash.c). */
const STUB_CTRL = 0x0020_8000;
const STUB_CLOCK = 0x3043;

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

  /** The stub sets up its SPI controller when it starts. */
  stubStarted(): void {
    if (!this.#part.spiOld) return;
    this.#words.set(this.#part.spi + CTRL, STUB_CTRL);
    this.#words.set(this.#part.spi + CLOCK, STUB_CLOCK);
    this.#setBus();
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
    const { spi, spiOld } = this.#part;
    if (spiOld && [spi + CTRL, spi + CLOCK, DUMMIES].includes(address)) this.#setBus();
    if (address === spi && (value & START) !== 0) this.#command();
  }

  /** The ROM's read takes its command from CTRL: 03, or 0B, 3B and 6B with eight dummy cycles (ESP-IDF, esp_rom_spiflash_read). */
  #setBus(): void {
    const { spi } = this.#part;
    const ctrl = this.#words.get(spi + CTRL) ?? 0;
    const clock = this.#words.get(spi + CLOCK) ?? 0;
    const isFast = (ctrl & FAST) !== 0;
    const more = ((this.#words.get(DUMMIES) ?? 0) >>> 8) & 0xff;
    this.#flash.bus = {
      mhz: clock >>> 31 === 1 ? APB_MHZ : APB_MHZ / (((clock >>> 12) & 0x3f) + 1),
      lines: isFast ? linesOf(ctrl) : 1,
      dummyCycles: (isFast ? 8 : 0) + more,
      lateCycles: more,
    };
  }

  #command(): void {
    const { spi, spiOld } = this.#part;
    this.#words.set(spi, 0);
    const command = (this.#words.get(spi + (spiOld ? 0x24 : 0x20)) ?? 0) & 0xff;
    this.#words.set(spi + (spiOld ? 0x80 : 0x58), command === READ_ID ? this.#flash.jedecId : 0);
  }
}

function linesOf(ctrl: number): 1 | 2 | 4 {
  if ((ctrl & QUAD) !== 0) return 4;
  return (ctrl & DUAL) === 0 ? 1 : 2;
}
