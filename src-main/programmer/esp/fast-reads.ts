import type { IoContext } from '#shared/base/clock.ts';
import { OP, type RegisterWrite, writeRegisters } from './commands.ts';
import { IMAGE_MAGIC } from './guard.ts';
import type { EspSession } from './session.ts';

/** SPI1 of an ESP32, from its base (TRM, SPI Controller): how it reads, and its clock. */
const CTRL = 0x08;
const CLOCK = 0x18;
/**
 * Where the ROM has how many dummy cycles it adds, a byte each for SPI0 and SPI1 (ESP-IDF, esp32.rom.ld: g_rom_spiflash_dummy_len_plus).
 * After a reset that is none.
 */
const DUMMIES = { address: 0x3ffa_e290, mask: 0xff00, shift: 8 };
/**
 * FASTRD_MODE with FREAD_QUAD or FREAD_DUAL: from these the ROM's routine, which the stub reads by, takes the command: 6B or 3B, eight
 * dummy cycles, four or two data lines.
 */
const FAST = 1 << 13;
const QUAD = FAST | (1 << 20);
const DUAL = FAST | (1 << 14);
/** EQU_SYSCLK; CLKCNT_N 1, H 0, L 1: 80 MHz, and the half of it. */
const MHZ_80 = 0x8000_0000;
const MHZ_40 = 0x1001;

/** `dummies`: what comes late by so many cycles is waited for. */
interface Way {
  readonly lines: number;
  readonly clock: number;
  readonly dummies: number;
}

/** ESP-IDF (esp_rom/spi_flash.h, DUMMY_LEN_PLUS) waits one cycle more at 40 MHz and two at 80; pins that no matrix delays, one less. */
function waysAt(clock: number, lines: readonly number[], dummies: number): Way[] {
  return lines.flatMap((each) => [dummies, dummies - 1].map((cycles) => ({ lines: each, clock, dummies: cycles })));
}

/**
 * Of an image's header byte 2 (QIO, QOUT, DIO, DOUT) and the lower half of byte 3 (0: 40 MHz, 15: 80); the fastest first. 40 MHz is
 * ESP-IDF's default, which nobody chose for the board: 3B and 6B are specified to 80 MHz and more (W25Q32JV data sheet, 9.6: 133).
 * Who chose less had a reason.
 */
function waysOf(mode: number, speed: number): Way[] {
  if (speed !== 0 && speed !== 15) return [];
  const lines = mode < 2 ? [QUAD, DUAL] : [DUAL];
  return [...waysAt(MHZ_80, lines, 2), ...waysAt(MHZ_40, lines, 1)];
}

/**
 * The stub reads at 20 MHz on one line. A board is read by its own firmware as its images' headers say; here so or faster, while digests
 * are made and only then, once a sector was seen to have the same digest by both. Such reads may tell that something is as it should
 * be, for no misread makes that digest; where they tell something else, it is read as the stub does before that is believed. A clock
 * alone changes nothing in a flash: to write it wants WREN first, a command of eight clocks and no more.
 */
export class FastReads {
  readonly #session: EspSession;
  /** Undefined as long as no image says anything. */
  #ways: readonly Way[] | undefined;
  #trusts = false;
  #slow: { readonly ctrl: number; readonly clock: number } | undefined;
  /** Which is switched on, and at which of the stub's starts. */
  #on: { readonly way: Way; readonly starts: number } | undefined;

  constructor(session: EspSession) {
    this.#session = session;
  }

  /** The first of the ways that are left was seen to tell what slow reads do. */
  get areTrusted(): boolean {
    return this.#trusts;
  }

  get areToBeTried(): boolean {
    return !this.#trusts && this.#way !== undefined;
  }

  get areOn(): boolean {
    return this.#on?.starts === this.#session.starts;
  }

  get #way(): Way | undefined {
    return this.#ways?.[0];
  }

  /** What an image's header says of the flash that it is for; of several that which all of them say. */
  allow(header: Uint8Array): void {
    const [magic, , mode = 0, sizeAndClock = 0] = header;
    // Of the other chips' ROMs it is not known how they choose the command.
    if (magic !== IMAGE_MAGIC || this.#session.esp.spi.layout !== 'esp32') return;
    const said = waysOf(mode, sizeAndClock & 0xf);
    const isSaid = (way: Way) => said.some(({ lines, clock }) => lines === way.lines && clock === way.clock);
    const first = this.#way;
    this.#ways = this.#ways ? this.#ways.filter(isSaid) : said;
    if (this.#way !== first) this.#trusts = false;
  }

  trust(): void {
    this.#trusts = true;
  }

  /** This way tells something else. */
  next(): void {
    this.#ways = this.#ways?.slice(1);
    this.#trusts = false;
  }

  /** Elsewhere than where it was tried it told something else. */
  doubt(): void {
    if (this.#trusts) this.next();
  }

  forbid(): void {
    this.#ways = [];
    this.#trusts = false;
  }

  /** Asked inside of what is done again after line trouble: a stub that was started anew reads slowly. */
  async set(fast: boolean, io: IoContext): Promise<void> {
    const way = fast ? this.#way : undefined;
    if (way === (this.areOn ? this.#on?.way : undefined)) return;
    const { starts, esp, loader } = this.#session;
    const { base } = esp.spi;
    const slow = (this.#slow ??= {
      ctrl: await loader.readRegister(base + CTRL, io),
      clock: await loader.readRegister(base + CLOCK, io),
    });
    const writes: RegisterWrite[] = [
      { address: base + CTRL, value: (slow.ctrl | (way?.lines ?? 0)) >>> 0 },
      { address: base + CLOCK, value: way?.clock ?? slow.clock },
      { address: DUMMIES.address, value: (way?.dummies ?? 0) << DUMMIES.shift, mask: DUMMIES.mask },
    ];
    // An answer that is lost leaves it open which of them holds: then the stub is started anew.
    await loader.ask(OP.WRITE_REG, writeRegisters(writes), io);
    this.#on = way && { way, starts };
  }
}
