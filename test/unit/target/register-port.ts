import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, Transfer } from '#main/probe/debug-port.ts';

/** SELECT selects (ADIv5.2, B2.2.9), everything else is up to two functions. */
export abstract class RegisterPort implements DebugPort {
  select = 0;
  connects = 0;
  closed = 0;
  readonly resets: boolean[] = [];
  abstract readonly dpidr: number;

  /** Registers of the debug port, by bank and address; of an access port, by SELECT and address. */
  protected abstract readDp(bank: number, address: number): number;
  protected abstract writeDp(bank: number, address: number, value: number): void;
  protected abstract readAp(select: number, address: number): number;
  protected abstract writeAp(select: number, address: number, value: number): void;

  async connect(): Promise<number> {
    this.connects++;
    return this.dpidr;
  }

  async transfer(batch: readonly Transfer[]): Promise<Uint32Array> {
    const words: number[] = [];
    for (const transfer of batch) {
      if (!('read' in transfer)) throw new RangeError('not in this model');
      const { port, address } = transfer;
      if (transfer.read) {
        words.push(port === 'dp' ? this.readDp(this.select & 0xf, address) : this.readAp(this.select & ~0xf, address));
      } else if (port === 'dp' && address === 8) this.select = transfer.value;
      else if (port === 'dp') this.writeDp(this.select & 0xf, address, transfer.value);
      else this.writeAp(this.select & ~0xf, address, transfer.value);
    }
    return Uint32Array.from(words);
  }

  async reset(asserted: boolean): Promise<boolean> {
    this.resets.push(asserted);
    return true;
  }

  async close(): Promise<void> {
    this.closed++;
  }

  wireClock() {
    return undefined;
  }

  describe() {
    return { vendor: '', product: '', serial: '', firmware: '' };
  }

  poll = notHere;
  readBlock = notHere;
  writeBlock = notHere;
  pulseReset = notHere;
}

export function fault(address: number): FlashlineError {
  return new FlashlineError('target-fault', { params: { address: String(address) } });
}

function notHere(): Promise<never> {
  return Promise.reject(new Error('not in this model'));
}
