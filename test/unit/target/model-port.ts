import type { IoContext } from '#shared/base/clock.ts';
import type { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, Match, Transfer } from '#main/probe/debug-port.ts';
import type { Progress } from '#main/probe/memory-access.ts';

/** Where the model's memory stands. */
export const BASE = 0x2000_0000;
const WINDOW = 0x3ff;

interface Access {
  readonly address: number;
  readonly size: number;
  readonly write: boolean;
}

/** A DP with one MEM-AP over an array, at the register level (ADIv5.2, B2.2 and C2.6): no packets, no time. */
export class ModelPort implements DebugPort {
  readonly bytes: Uint8Array;
  readonly accesses: Access[] = [];
  /** Asked before each batch: what it throws rejects the batch, after its first access. */
  fail: (batch: number) => FlashlineError | undefined = () => undefined;
  /** Polls that do not match before one does. */
  pollsUntilMatch = 0;
  polls: { readonly address: number; readonly increment: boolean }[] = [];
  readonly #view: DataView;
  #batches = 0;
  #select = 0xffff_ffff;
  #csw = 0;
  #tar = 0;
  #control = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  async connect(): Promise<number> {
    return 0x2ba0_1477;
  }

  async transfer(batch: readonly Transfer[], _io?: IoContext, progress?: Progress): Promise<Uint32Array> {
    let moved = 0;
    const failure = this.fail(this.#batches++);
    const words: number[] = [];
    for (const transfer of batch) {
      if (failure && transfer.port === 'ap') this.#lose(failure);
      if ('readCount' in transfer) {
        for (let i = 0; i < transfer.readCount; i++) words.push(this.#read(transfer));
      } else if ('words' in transfer) {
        for (const value of transfer.words) this.#write(transfer, value);
      } else if ('read' in transfer) {
        if (transfer.read) words.push(this.#read(transfer));
        else this.#write(transfer, transfer.value);
      }
      moved += 4 * ('readCount' in transfer ? transfer.readCount : 'words' in transfer ? transfer.words.length : 0);
      progress?.(moved);
    }
    return Uint32Array.from(words);
  }

  async poll(before: readonly Transfer[], match: Match, io: IoContext): Promise<boolean> {
    await this.transfer(before);
    await io.clock.sleep(50);
    this.polls.push({ address: this.#tar, increment: (this.#csw & 0x30) !== 0 });
    if (match.address !== 0xc) throw new RangeError('a poll of something else than DRW');
    return this.pollsUntilMatch-- <= 0;
  }

  readBlock(address: number, count: number): Promise<Uint32Array> {
    return this.transfer([{ port: 'ap', address, readCount: count }]);
  }

  async writeBlock(address: number, words: Uint32Array): Promise<void> {
    await this.transfer([{ port: 'ap', address, words }]);
  }

  async pulseReset(): Promise<void> {
    throw new Error('not here');
  }

  async reset(): Promise<boolean> {
    return false;
  }

  wireClock(): undefined {
    return undefined;
  }

  describe() {
    return { vendor: '', product: '', serial: '', firmware: '' };
  }

  async close(): Promise<void> {
    this.#select = 0;
  }

  /** A failure takes with it what the driver must not rely on afterwards. */
  #lose(failure: FlashlineError): never {
    this.#select = 0xffff_ffff;
    this.#csw = 0;
    throw failure;
  }

  #read({ port, address }: { readonly port: 'dp' | 'ap'; readonly address: number }): number {
    if (port === 'dp') return address === 4 ? (this.#control | ((this.#control & 0x5000_0000) << 1)) >>> 0 : 0;
    const register = this.#register(address);
    if (register === 0xfc) return 0x2477_0011;
    if (register === 0x00) return 0x2300_0042;
    if (register === 0x04) return this.#tar;
    if (register !== 0x0c) throw new RangeError(`a read of register ${register}`);
    return this.#data(undefined);
  }

  #write({ port, address }: { readonly port: 'dp' | 'ap'; readonly address: number }, value: number): void {
    if (port === 'dp') {
      if (address === 8) this.#select = value;
      if (address === 4) this.#control = value;
      return;
    }
    const register = this.#register(address);
    if (register === 0x00) this.#csw = value;
    else if (register === 0x04) this.#tar = value >>> 0;
    else if (register === 0x0c) this.#data(value);
    else throw new RangeError(`a write of register ${register}`);
  }

  #register(address: number): number {
    if (this.#select >>> 24 !== 0) throw new RangeError(`access port ${this.#select >>> 24} is selected`);
    return (this.#select & 0xf0) | address;
  }

  #data(value: number | undefined): number {
    if (!(this.#csw & 0x0200_0000)) throw new RangeError('an access without privilege');
    const size = 1 << (this.#csw & 7);
    const address = this.#tar;
    if (address % size !== 0) throw new RangeError(`an unaligned access of ${size} at ${address}`);
    this.accesses.push({ address, size, write: value !== undefined });
    const offset = address - BASE;
    let out = 0;
    for (let i = 0; i < size; i++) {
      const lane = 8 * ((address + i) & 3);
      if (value === undefined) out |= this.#view.getUint8(offset + i) << lane;
      else this.#view.setUint8(offset + i, value >>> lane);
    }
    if (this.#csw & 0x10) this.#tar = ((address & ~WINDOW) | ((address + size) & WINDOW)) >>> 0;
    return out >>> 0;
  }
}
