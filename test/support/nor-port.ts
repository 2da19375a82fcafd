import type { IoContext } from '#shared/base/clock.ts';
import type { NorModel } from '#main/bench/spi/nor-model.ts';
import { VirtualClock } from '#main/bench/virtual-clock.ts';
import type { SpiPort, SpiTransfer } from '#main/probe/spi-port.ts';

/** A microsecond a byte: 8 MHz. */
const BYTE_NS = 1000;

/** A chip of the bench at the end of wires alone: what an adapter adds is tested elsewhere. */
export class NorPort implements SpiPort {
  readonly url = 'bench:nor';
  readonly limits = { write: 0x10000, read: 0x10000 };
  readonly clock = new VirtualClock(0);
  readonly io: IoContext = { clock: this.clock, signal: new AbortController().signal };
  /** First bytes of all that was sent. */
  readonly opcodes: number[] = [];
  readonly #nor: NorModel;

  constructor(nor: NorModel) {
    this.#nor = nor;
  }

  async connect(): Promise<number> {
    this.#nor.powerCycle(this.clock.elapsedNs);
    return 8_000_000;
  }

  async transfer(transfers: readonly SpiTransfer[]): Promise<Uint8Array[]> {
    return transfers.map(({ write, read }) => {
      this.opcodes.push(write[0] ?? 0);
      this.#nor.select(this.clock.elapsedNs);
      for (const byte of write) this.#exchange(byte);
      const out = Uint8Array.from({ length: read }, () => this.#exchange(0));
      this.#nor.deselect(this.clock.elapsedNs);
      return out;
    });
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  #exchange(mosi: number): number {
    this.clock.advance(BYTE_NS);
    return this.#nor.exchange(mosi, this.clock.elapsedNs);
  }
}
