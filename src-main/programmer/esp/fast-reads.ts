import type { IoContext } from '#shared/base/clock.ts';
import { OP, type RegisterWrite, writeRegisters } from './commands.ts';
import { IMAGE_MAGIC } from './guard.ts';
import type { EspSession } from './session.ts';

/** SPI1 of an ESP32, from its base (TRM, SPI Controller): how it reads, and its clock. */
const CTRL = 0x08;
const CLOCK = 0x18;
/** FASTRD_MODE and FREAD_DUAL: from these the ROM's routine, which the stub reads by, takes the command (3B, eight dummy cycles, two data lines). */
const DUAL = (1 << 13) | (1 << 14);
/** EQU_SYSCLK clear, CLKCNT_N 1, H 0, L 1: the half of 80 MHz. */
const HALF = 0x1001;
/** An image's header says 40 MHz, or 80. */
const RATED = new Set([0, 15]);

/**
 * The stub reads at 20 MHz on one line. A board whose images' headers say 40 MHz or more is read at 40 MHz on two by its own firmware; so
 * is it here, while digests are made and only then. What that tells wrong is no more than a digest that does not fit.
 */
export class FastReads {
  readonly #session: EspSession;
  #allowed = false;
  #slow: { readonly ctrl: number; readonly clock: number } | undefined;
  /** At which of the stub's starts they were switched on. */
  #onSince: number | undefined;

  constructor(session: EspSession) {
    this.#session = session;
  }

  get allowed(): boolean {
    return this.#allowed;
  }

  get areOn(): boolean {
    return this.#onSince === this.#session.starts;
  }

  /** By what a release's image says of the flash that it is for: the lower half of its header's byte 3. */
  allow(header: Uint8Array): void {
    const [magic, , , sizeAndClock = 0] = header;
    // Of the other chips' ROMs it is not known how they choose the command.
    const isKnown = magic === IMAGE_MAGIC && this.#session.esp.spi.layout === 'esp32';
    this.#allowed ||= isKnown && RATED.has(sizeAndClock & 0xf);
  }

  forbid(): void {
    this.#allowed = false;
  }

  /** Asked inside of what is done again after line trouble: a stub that was started anew reads slowly. */
  async set(fast: boolean, io: IoContext): Promise<void> {
    if (fast === this.areOn) return;
    const { starts, esp, loader } = this.#session;
    const { base } = esp.spi;
    const slow = (this.#slow ??= {
      ctrl: await loader.readRegister(base + CTRL, io),
      clock: await loader.readRegister(base + CLOCK, io),
    });
    const { ctrl, clock } = fast ? { ctrl: slow.ctrl | DUAL, clock: HALF } : slow;
    const writes: RegisterWrite[] = [
      { address: base + CTRL, value: ctrl >>> 0 },
      { address: base + CLOCK, value: clock },
    ];
    // An answer that is lost leaves it open which of them holds: then the stub is started anew.
    await loader.ask(OP.WRITE_REG, writeRegisters(writes), io);
    this.#onSince = fast ? starts : undefined;
  }
}
