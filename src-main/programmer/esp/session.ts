import { hexAddress, toHex, wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import { OP, request } from './commands.ts';
import { EfuseReader } from './efuse/reader.ts';
import { readRevision } from './efuse/revision.ts';
import { flashSizeOf, readFlashId } from './flash-id.ts';
import { ANSWER_MS, type EspLoader, LineTrouble, Refused, ROM_BAUD } from './loader.ts';
import { carryReset, HARD_RESET, type Reset, RESETS } from './resets.ts';
import { readSecurity, type Security } from './security.ts';
import type { Stub } from './stub.ts';

const SYNC_TRIES = 5;
/** The word that tells ROMs without a chip id apart. */
const MAGIC_REGISTER = 0x4000_1000;

export interface SessionParts {
  readonly loader: EspLoader;
  readonly chip: ChipDescription;
  readonly esp: EspUart;
  /** Tried in this order until the ROM answers. */
  readonly resets: readonly Reset[];
  readonly stub: Stub;
}

/**
 * One unit in its boot loader, kept there whatever the line does: where answers are spoiled or missing, the unit is reset, its
 * loader started anew, and the talk goes on at half the rate. What is asked of it must bear being done twice.
 */
export class EspSession {
  readonly #parts: SessionParts;
  /** Falling; the ROM's own is the last. */
  readonly #rates: number[];
  #resets: readonly Reset[];
  #rate = 0;
  #romRaises = true;
  #lastChance = false;
  #flashSize = 0;
  #starts = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#resets = parts.resets;
    const { baud } = parts.esp;
    this.#rates = [baud, baud / 2, baud / 4].filter((rate) => rate > ROM_BAUD).concat(ROM_BAUD);
  }

  get loader(): EspLoader {
    return this.#parts.loader;
  }

  get chip(): ChipDescription {
    return this.#parts.chip;
  }

  get esp(): EspUart {
    return this.#parts.esp;
  }

  /** How often the stub was started: each time it sets its registers anew. */
  get starts(): number {
    return this.#starts;
  }

  get efuse(): EspEfuse {
    return this.#parts.esp.efuse;
  }

  /** Of the SPI flash, in bytes; known once the stub runs. */
  get flashSize(): number {
    return this.#flashSize;
  }

  get rate(): { readonly askedHz: number; readonly usedHz: number; readonly limitedBy?: 'noise' } {
    const askedHz = this.#parts.esp.baud;
    const usedHz = this.#rates[this.#rate] ?? ROM_BAUD;
    return usedHz < askedHz ? { askedHz, usedHz, limitedBy: 'noise' } : { askedHz, usedHz };
  }

  /** The ROM loader runs and answers. Rejects with `no-target`. */
  async enter(io: IoContext): Promise<void> {
    const { loader } = this.#parts;
    for (const reset of this.#resets) {
      await loader.restart(io);
      await carryReset(reset, loader.link, io);
      if (await loader.sync(SYNC_TRIES, io)) {
        this.#resets = [reset, ...this.#resets.filter((other) => other !== reset)];
        return;
      }
    }
    throw new FlashlineError('no-target', { cause: loader.bootLog() ?? 'the ROM loader does not answer SYNC' });
  }

  /** Rejects with `wrong-chip`, or `identity-unreadable` where the ROM will not tell. */
  async identify(io: IoContext): Promise<{ readonly uid: string; readonly security: Security }> {
    const { chip, esp, loader } = this.#parts;
    try {
      const security = await readSecurity(esp, loader, io);
      if (security.secureDownload) throw new FlashlineError('secure-download', { params: { chip: chip.name } });
      const [register, expected, found] =
        security.chipId === undefined
          ? (['ROM', esp.magic ?? 0, await loader.readRegister(MAGIC_REGISTER, io)] as const)
          : (['CHIP_ID', esp.chipId, security.chipId] as const);
      if (found !== expected) {
        throw new FlashlineError('wrong-chip', {
          params: { expected: chip.name, register, found: hexAddress(found) },
        });
      }
      return { uid: await this.#mac(io), security };
    } catch (error) {
      if (error instanceof Refused) throw await this.#unreadable(error, io);
      if (error instanceof LineTrouble) throw this.#noise(error);
      throw error;
    }
  }

  /** The chip's revision, hundreds being major. A loader runs, the ROM's or the stub. */
  async revision(io: IoContext): Promise<number> {
    const { esp, loader } = this.#parts;
    const read = () => readRevision(esp.efuse, new EfuseReader(loader, esp.efuse), loader, io);
    return this.steady(0, ANSWER_MS, read, io);
  }

  /** The stub runs, at the fastest rate that works, and knows its flash. The ROM loader runs before. */
  async startStub(io: IoContext): Promise<void> {
    for (let refusals = 0; ;) {
      try {
        // The stub is 6 KB: at the ROM's first rate it alone takes half a second.
        if (this.#romRaises) await this.#raise(false, io);
        this.#starts++;
        await this.loader.startStub(this.#parts.stub, io);
        if (!this.#romRaises) await this.#raise(true, io);
        return await this.#attach(io);
      } catch (error) {
        // A request has no checksum of its own: what came spoiled may be refused, but hardly twice.
        if (error instanceof Refused && refusals++ > 0) throw this.#protocol(error);
        if (!(error instanceof LineTrouble || error instanceof Refused)) throw error;
        // A ROM that was built for another crystal gets its rates wrong; the stub measures its own.
        if (this.#romRaises) this.#romRaises = false;
        else if (!this.#stepDown()) throw this.#noise(error);
      }
      await this.enter(io);
    }
  }

  /**
   * Does `work`, again at a lower rate where the line spoils it. Rejects with `wire-noise` when none is left, `flash-refused`,
   * or `flash-timeout` where the unit does not answer twice in a row.
   */
  async steady<T>(address: number, timeoutMs: number, work: () => Promise<T>, io: IoContext): Promise<T> {
    for (let silences = 0, refusals = 0; ;) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Refused && error.kind === 'flash') {
          throw new FlashlineError('flash-refused', {
            where: { address },
            params: { address: hexAddress(address) },
            cause: error,
          });
        }
        if (error instanceof Refused && refusals++ > 0) throw this.#protocol(error);
        if (!(error instanceof LineTrouble || error instanceof Refused)) throw error;
        if (error.kind === 'silent' && silences++ > 0) {
          const seconds = Math.round(timeoutMs / 1000);
          throw new FlashlineError('flash-timeout', {
            where: { address },
            params: { address: hexAddress(address), seconds },
          });
        }
        if (!this.#stepDown()) throw this.#noise(error);
        await this.enter(io);
        await this.startStub(io);
      }
    }
  }

  /**
   * Does `work`, which may be done again, at the rate at which the line errs least: for what cannot be taken back. The stub
   * runs. Rejects as `steady`.
   */
  async carefully<T>(work: () => Promise<T>, timeoutMs: number, io: IoContext): Promise<T> {
    return this.steady(
      0,
      timeoutMs,
      async () => {
        if (this.loader.baud !== ROM_BAUD) {
          await this.loader.changeBaud(ROM_BAUD, true, io);
          await this.loader.readRegister(this.#parts.esp.mac.low, io);
        }
        return work();
      },
      io,
    );
  }

  /** Into its firmware. Where a fixture straps the unit it is the fixture that starts it, should the port have no lines for that. */
  async run(io: IoContext): Promise<void> {
    try {
      await carryReset(HARD_RESET, this.loader.link, io);
    } catch (error) {
      const strapped = this.#parts.resets.every((reset) => reset.length === 0);
      if (!strapped || !(error instanceof FlashlineError) || error.failure.code !== 'probe-unsuited') throw error;
    }
  }

  async #raise(isStub: boolean, io: IoContext): Promise<void> {
    const baud = this.#rates[this.#rate] ?? ROM_BAUD;
    if (baud === this.loader.baud) return;
    await this.loader.changeBaud(baud, isStub, io);
    // Both directions, before anything rests on it.
    await this.loader.readRegister(this.#parts.esp.mac.low, io);
    await this.loader.readRegister(this.#parts.esp.mac.low, io);
  }

  /** Words of SPI_SET_PARAMS: id, size, and of a block, a sector, a page; the mask of the status register. */
  async #attach(io: IoContext): Promise<void> {
    const { esp, loader } = this.#parts;
    const id = await readFlashId(esp, loader, io);
    this.#flashSize = flashSizeOf(id) ?? 0;
    if (this.#flashSize === 0) throw new FlashlineError('flash-missing', { params: { id: hexAddress(id) } });
    const words = wordsToBytes([0, this.#flashSize, 0x10000, 0x1000, 0x100, 0xffff]);
    await loader.ask(OP.SPI_SET_PARAMS, request(OP.SPI_SET_PARAMS, words), io);
  }

  async #mac(io: IoContext): Promise<string> {
    const { esp, loader } = this.#parts;
    const low = await loader.readRegister(esp.mac.low, io);
    const high = await loader.readRegister(esp.mac.high, io);
    const bytes = [high >> 8, high, low >> 24, low >> 16, low >> 8, low].map((byte) => byte & 0xff);
    return toHex(Uint8Array.from(bytes));
  }

  /** The oldest chips know no GET_SECURITY_INFO: another chip than the recipe's, perhaps. */
  async #unreadable(refused: Refused, io: IoContext): Promise<FlashlineError> {
    const { chip, loader } = this.#parts;
    if (refused.kind !== 'unsupported') {
      return new FlashlineError('identity-unreadable', { params: { register: 'eFuse' }, cause: refused });
    }
    await loader.forget(io);
    const found = await loader.readRegister(MAGIC_REGISTER, io).catch(() => undefined);
    if (found === undefined) return new FlashlineError('secure-download', { params: { chip: chip.name } });
    return new FlashlineError('wrong-chip', {
      params: { expected: chip.name, register: 'ROM', found: hexAddress(found) },
    });
  }

  #stepDown(): boolean {
    if (this.#rate + 1 < this.#rates.length) {
      this.#rate++;
      return true;
    }
    const first = !this.#lastChance;
    this.#lastChance = true;
    return first;
  }

  #noise(cause: LineTrouble | Refused): FlashlineError {
    const detail = `${cause.message} at ${this.loader.baud} baud`;
    return new FlashlineError('wire-noise', { params: { detail }, cause });
  }

  #protocol(cause: Refused): FlashlineError {
    return new FlashlineError('probe-protocol', {
      params: { url: this.loader.link.url, detail: cause.message },
      cause,
    });
  }
}

/** The resets that a chip's description names. */
export function resetsOf(esp: EspUart): Reset[] {
  return esp.resets.map((name) => RESETS[name]);
}
