import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort } from '../debug-port.ts';
import type { I2cMessage, I2cOutcome, I2cPort } from '../i2c-port.ts';
import { I2cEncoder, i2cPins, OPEN_DRAIN, type OtherPins } from './i2c-encoder.ts';
import { Pin } from './layouts.ts';
import type { Mpsse } from './mpsse.ts';
import { type Batch, clockOnly, divisorFor, joined, readPins, setUpClock } from './mpsse-commands.ts';

const MOST = 4096;
/** A chip that was left in the middle of a byte lets SDA go within so many clocks (UM10204, 3.1.16). */
const FREEING_CLOCKS = 9;
/** Nothing else of ADBUS is driven. */
const OTHERS: OtherPins = { levels: 0, outputs: 0 };

export interface FtdiI2cOptions {
  readonly description: ReturnType<DebugPort['describe']>;
  /** The chip has pins that pull low and let go: the FT232H. */
  readonly openDrain: boolean;
}

/** An I2C bus on the pins of an MPSSE: AD0 is SCL, AD1 and AD2 together are SDA (AN_113, AN_255). */
export class FtdiI2c implements I2cPort {
  readonly limits = { write: MOST, read: MOST };
  readonly #mpsse: Mpsse;
  readonly #options: FtdiI2cOptions;
  #hz = 1;

  constructor(mpsse: Mpsse, options: FtdiI2cOptions) {
    this.#mpsse = mpsse;
    this.#options = options;
  }

  get url(): string {
    return this.#mpsse.url;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    const { divisor, hz } = divisorFor(clockHz, true);
    const drain = this.#options.openDrain ? [OPEN_DRAIN] : [];
    this.#hz = hz;
    const idle = i2cPins(OTHERS, true, true, false);
    await this.#send([setUpClock(divisor, true), ...drain, idle], 0, io);
    if (!(await this.#sdaIsHigh(io))) await this.#free(io);
    return hz;
  }

  async transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<I2cOutcome> {
    const { batch, decode, cycles } = new I2cEncoder(OTHERS).transfer(address, messages);
    return decode(await this.#send([batch], cycles, io));
  }

  describe(): ReturnType<I2cPort['describe']> {
    return this.#options.description;
  }

  close(io: IoContext): Promise<void> {
    return this.#mpsse.close(io);
  }

  /** Clocks with SDA let go, and a stop. */
  async #free(io: IoContext): Promise<void> {
    const low = i2cPins(OTHERS, false, true, false);
    const stop = [
      i2cPins(OTHERS, false, false, true),
      i2cPins(OTHERS, true, false, true),
      i2cPins(OTHERS, true, true, false),
    ];
    await this.#send([low, clockOnly(FREEING_CLOCKS), ...stop], FREEING_CLOCKS, io);
    if (!(await this.#sdaIsHigh(io))) throw new FlashlineError('bus-stuck', { params: { line: 'SDA' } });
  }

  async #sdaIsHigh(io: IoContext): Promise<boolean> {
    const [levels = 0] = await this.#send([readPins('low')], 0, io);
    return (levels & (1 << Pin.in)) !== 0;
  }

  #send(batches: readonly Batch[], cycles: number, io: IoContext): Promise<Uint8Array> {
    return this.#mpsse.exchange(joined(batches), (cycles * 1000) / this.#hz, io);
  }
}
