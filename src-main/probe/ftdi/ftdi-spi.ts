import type { IoContext } from '#shared/base/clock.ts';
import type { SpiPort, SpiTransfer } from '../spi-port.ts';
import { type FtdiLayout, FtdiPins } from './layouts.ts';
import type { Mpsse } from './mpsse.ts';
import { type Batch, divisorFor, joined, MOST_SHIFT, setPins, setUpClock, shiftBytes } from './mpsse-commands.ts';

/** A chip on the pins of an MPSSE by SPI, mode 0: data goes out as the clock falls and is taken as it rises (AN_108, 3.3). */
export class FtdiSpi implements SpiPort {
  readonly limits = { write: MOST_SHIFT, read: MOST_SHIFT };
  readonly #mpsse: Mpsse;
  readonly #layout: FtdiLayout;
  readonly #pins: FtdiPins;
  #hz = 1;

  constructor(mpsse: Mpsse, layout: FtdiLayout) {
    this.#mpsse = mpsse;
    this.#layout = layout;
    this.#pins = new FtdiPins(layout);
  }

  get url(): string {
    return this.#mpsse.url;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    const { divisor, hz } = divisorFor(clockHz);
    const { levels, outputs } = this.#pins;
    const high = setPins('high', levels >> 8, outputs >> 8);
    await this.#send([setUpClock(divisor, false), this.#select(false), high], 0, io);
    this.#hz = hz;
    return hz;
  }

  /** All of them in one go: no round trip between one and the next. */
  async transfer(transfers: readonly SpiTransfer[], io: IoContext): Promise<Uint8Array[]> {
    const batches = transfers.flatMap(({ write, read }) => [
      this.#select(true),
      shiftBytes({ order: 'msb', out: write, count: write.length, read: false }),
      shiftBytes({ order: 'msb', count: read, read: true }),
      this.#select(false),
    ]);
    const bytes = transfers.reduce((sum, { write, read }) => sum + write.length + read, 0);
    const found = await this.#send(batches, bytes * 8, io);
    let at = 0;
    return transfers.map(({ read }) => found.slice(at, (at += read)));
  }

  close(io: IoContext): Promise<void> {
    return this.#mpsse.close(io);
  }

  #select(selected: boolean): Batch {
    this.#pins.set(this.#layout.cs, !selected);
    return setPins('low', this.#pins.levels, this.#pins.outputs);
  }

  #send(batches: readonly Batch[], cycles: number, io: IoContext): Promise<Uint8Array> {
    return this.#mpsse.exchange(joined(batches), (cycles * 1000) / this.#hz, io);
  }
}
