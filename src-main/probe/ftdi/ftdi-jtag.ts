import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { JtagPort, JtagStretch } from '../jtag-port.ts';
import { type FtdiLayout, FtdiPins, Pin } from './layouts.ts';
import type { Mpsse } from './mpsse.ts';
import { type Batch, divisorFor, joined, setDivisor, setPins, setUpClock } from './mpsse-commands.ts';
import { JtagEncoder } from './jtag-encoder.ts';

/** JTAG on the pins of an MPSSE (AN_108, 3.5; AN_129). */
export class FtdiJtag implements JtagPort {
  readonly #mpsse: Mpsse;
  readonly #layout: FtdiLayout;
  readonly #pins: FtdiPins;
  #hz = 1;
  /** TMS as it stands between two commands. */
  #tms: 0 | 1 = 1;

  constructor(mpsse: Mpsse, layout: FtdiLayout) {
    this.#mpsse = mpsse;
    this.#layout = layout;
    this.#pins = new FtdiPins(layout);
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    const { divisor, hz } = divisorFor(clockHz);
    this.#pins.set(Pin.select, true);
    this.#tms = 1;
    await this.#send([setUpClock(divisor, false), ...this.#both()], 0, io);
    this.#hz = hz;
    return hz;
  }

  async sequence(stretches: readonly JtagStretch[], io: IoContext): Promise<Uint8Array[]> {
    const encoder = new JtagEncoder(this.#tms);
    for (const stretch of stretches) encoder.add(stretch);
    const { batch, decode, tms, cycles } = encoder.end();
    this.#tms = tms;
    return decode(await this.#send([batch], cycles, io));
  }

  async setClock(clockHz: number, io: IoContext): Promise<number> {
    const { divisor, hz } = divisorFor(clockHz);
    await this.#send([setDivisor(divisor)], 0, io);
    this.#hz = hz;
    return hz;
  }

  async drive(pin: 'trst' | 'srst', asserted: boolean, io: IoContext): Promise<void> {
    const wired = this.#layout[pin];
    if (!wired) {
      const detail = `its layout has no n${pin.toUpperCase()}`;
      throw new FlashlineError('probe-unsuited', { params: { url: this.#mpsse.url, detail } });
    }
    this.#pins.assert(wired, asserted);
    this.#pins.set(Pin.select, this.#tms === 1);
    await this.#send(this.#both(), 0, io);
  }

  close(io: IoContext): Promise<void> {
    return this.#mpsse.close(io);
  }

  #both(): readonly Batch[] {
    const { levels, outputs } = this.#pins;
    return [setPins('low', levels, outputs), setPins('high', levels >> 8, outputs >> 8)];
  }

  #send(batches: readonly Batch[], cycles: number, io: IoContext): Promise<Uint8Array> {
    return this.#mpsse.exchange(joined(batches), (cycles * 1000) / this.#hz, io);
  }
}
