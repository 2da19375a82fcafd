import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { I2cFixture } from '#main/bench/i2c/i2c-bench.ts';
import { I2cMaster } from '#main/bench/i2c/i2c-master.ts';
import { usToNs } from '#main/bench/virtual-clock.ts';
import type { I2cMessage, I2cOutcome, I2cPort } from '#main/probe/i2c-port.ts';

/** What a round trip to an adapter on full-speed USB takes. */
const ROUND_TRIP_NS = usToNs(1000);
const MOST = 4096;

/** The wires of a simulated bus, without an adapter's protocol in between. */
export class I2cBenchPort implements I2cPort {
  readonly url: string;
  readonly limits = { write: MOST, read: MOST };
  readonly #fixture: I2cFixture;
  readonly #master: I2cMaster;

  constructor(fixture: I2cFixture, url: string) {
    this.#fixture = fixture;
    this.url = url;
    this.#master = new I2cMaster(fixture.wire, 100_000);
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    this.#begin(io);
    this.#master.setClock(clockHz);
    for (let clock = 0; clock < 9 && !this.#fixture.wire.sda; clock++) this.#master.clock();
    if (!this.#fixture.wire.sda) throw new FlashlineError('bus-stuck', { params: { line: 'SDA' } });
    this.#master.stop();
    this.#end();
    return clockHz;
  }

  async transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<I2cOutcome> {
    this.#begin(io);
    const outcome = this.#carry(address, messages);
    this.#master.stop();
    this.#end();
    return outcome;
  }

  describe(): ReturnType<I2cPort['describe']> {
    return { vendor: 'Flashline', product: 'bench I2C', serial: '', firmware: '' };
  }

  async close(): Promise<void> {}

  #carry(address: number, messages: readonly I2cMessage[]): I2cOutcome {
    const master = this.#master;
    const data: Uint8Array[] = [];
    for (const message of messages) {
      master.start();
      const reads = 'read' in message;
      if (!master.write((address << 1) | (reads ? 1 : 0))) return { acknowledged: false, at: 'address' };
      if (reads) {
        data.push(Uint8Array.from({ length: message.read }, (_, index) => master.read(index < message.read - 1)));
        continue;
      }
      for (const byte of message.write) if (!master.write(byte)) return { acknowledged: false, at: 'data' };
    }
    return { acknowledged: true, data };
  }

  #begin(io: IoContext): void {
    io.signal.throwIfAborted();
    const { clock, faults } = this.#fixture;
    const due = faults.nextPacket();
    if (due.unplugged) throw new FlashlineError('probe-lost', { params: { url: this.url } });
    if (due.silent) throw new FlashlineError('probe-silent', { params: { url: this.url, seconds: 1 } });
    if (due.powerCut) this.#fixture.cutPower(clock.elapsedNs);
    this.#master.at = clock.elapsedNs;
  }

  #end(): void {
    this.#fixture.clock.advanceTo(this.#master.at + ROUND_TRIP_NS);
  }
}
