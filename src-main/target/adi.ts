import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, Transfer, Wire } from '../probe/debug-port.ts';
import { type DebugPortId, decodeDpidr } from './debug-ids.ts';

/** Debug port registers, A[3:2] (ADIv5.2, B2.2; ADIv6.0, B2.2). */
const CTRL_STAT = 0x4;
const SELECT = 0x8;
/** CTRL/STAT's place in bank 5: the upper half of an ADIv6 access port address. */
const SELECT1 = { bank: 5, address: 0x4 } as const;

/** CTRL/STAT: power-up requests and their acknowledges. */
const CSYSPWRUPACK = 0x8000_0000;
const CSYSPWRUPREQ = 0x4000_0000;
const CDBGPWRUPACK = 0x2000_0000;
const CDBGPWRUPREQ = 0x1000_0000;
const POWER_REQUESTS = CSYSPWRUPREQ | CDBGPWRUPREQ;
const POWER_ACKS = (CSYSPWRUPACK | CDBGPWRUPACK) >>> 0;

const POWER_UP_MS = 100;
/** A chip that is just waking may miss the first request. */
const POWER_UP_ATTEMPTS = 3;

/** Each halves the clock where the wire is noisy: from 10 MHz to below 200 kHz. */
const CONNECT_ATTEMPTS = 6;
const NOISE_ATTEMPTS = 8;

const ADIV6 = 3;
/** Where ADIv6 has the registers that an ADIv5 access port has from 0 on (ADIv6.0, C2.6). */
const ADIV6_REGISTERS = 0xd00;
const IDR = 0xfc;

/** The debug port's own state: its version, its power, and which access port and register bank is selected. */
export class Adi {
  readonly port: DebugPort;
  readonly #wire: Wire;
  #id: DebugPortId = decodeDpidr(0);
  /** SELECT as last written, or undefined when a failure may have lost it. */
  #select: number | undefined;
  #epoch = 0;

  private constructor(port: DebugPort, wire: Wire) {
    this.port = port;
    this.#wire = wire;
  }

  /** Takes the wire and powers debug up. Rejects as DebugPort.connect does, and with `target-stuck`. */
  static async connect(port: DebugPort, wire: Wire, io: IoContext): Promise<Adi> {
    const adi = new Adi(port, wire);
    await adi.reconnect(io);
    return adi;
  }

  get wire(): Wire {
    return this.#wire;
  }

  get id(): DebugPortId {
    return this.#id;
  }

  /** Changes whenever an access port's registers may hold something else than what was written last. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Begins anew on the same wire: after a reset that may have taken the debug port with it, and after noise, when the
   * port takes a slower clock.
   */
  async reconnect(io: IoContext): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#connect(io);
        return;
      } catch (error) {
        if (!isNoise(error) || attempt === CONNECT_ATTEMPTS) throw error;
      }
    }
  }

  async #connect(io: IoContext): Promise<void> {
    this.forget();
    this.#id = decodeDpidr(await this.port.connect(this.#wire, io));
    await this.#powerUp(io);
    if (this.#id.version >= ADIV6) await this.#writeBanked(SELECT1.bank, SELECT1.address, 0, io);
  }

  /** For what may happen twice: reads. Where noise stays, the wire gets slower. */
  async repeatedOnNoise<T>(action: () => Promise<T>, io: IoContext): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (!isNoise(error) || attempt === NOISE_ATTEMPTS) throw error;
        // Once may be chance; more often the clock is too high for this wire.
        if (attempt > 1) await this.reconnect(io);
      }
    }
  }

  /** Asks for debug and system power and waits for both acknowledges; `target-stuck` when they do not come. */
  async #powerUp(io: IoContext): Promise<void> {
    for (let attempt = 1; attempt <= POWER_UP_ATTEMPTS; attempt++) {
      if (attempt > 1) await this.#writeBanked(0, CTRL_STAT, 0, io);
      await this.#writeBanked(0, CTRL_STAT, POWER_REQUESTS, io);
      if (await this.#isAcknowledged(io)) return;
    }
    throw new FlashlineError('target-stuck', {
      params: { seconds: (POWER_UP_ATTEMPTS * POWER_UP_MS) / 1000 },
      cause: 'no debug power-up acknowledge',
    });
  }

  async #isAcknowledged(io: IoContext): Promise<boolean> {
    const started = io.clock.monotonic();
    for (;;) {
      const [status = 0] = await this.port.transfer([{ port: 'dp', address: CTRL_STAT, read: true }], io);
      if ((status & POWER_ACKS) >>> 0 === POWER_ACKS) return true;
      if (io.clock.monotonic() - started > POWER_UP_MS) return false;
      await io.clock.sleep(1, io.signal);
    }
  }

  /** Lets debug power go, so that the chip may sleep as deeply as without a debugger. */
  async powerDown(io: IoContext): Promise<void> {
    await this.#writeBanked(0, CTRL_STAT, 0, io);
  }

  /** A debug port register of the bank (DPBANKSEL) that it stands in. */
  async readDp(bank: number, address: number, io: IoContext): Promise<number> {
    const [value = 0] = await this.#read(() => [...this.#selectValue(bank), { port: 'dp', address, read: true }], io);
    return value;
  }

  async #writeBanked(bank: number, address: number, value: number, io: IoContext): Promise<void> {
    await this.#carry([...this.#selectValue(bank), { port: 'dp', address, read: false, value }], io);
  }

  /**
   * The transfers that make `register` of access port `ap` reachable: none or one. `ap` is a number (ADIv5) or an
   * address (ADIv6), `register` its whole offset as ADIv5 counts.
   */
  select(ap: number, register: number): Transfer[] {
    const value = this.#id.version >= ADIV6 ? ap + ADIV6_REGISTERS + register : (ap << 24) | register;
    return this.#selectValue((value & ~0xf) >>> 0);
  }

  #selectValue(value: number): Transfer[] {
    if (value === this.#select) return [];
    this.#select = value;
    return [{ port: 'dp', address: SELECT, read: false, value }];
  }

  /** After any rejected batch: what was selected is not known any more. */
  forget(): void {
    this.#select = undefined;
    this.#epoch++;
  }

  async readAp(ap: number, register: number, io: IoContext): Promise<number> {
    const batch = (): Transfer[] => [
      ...this.select(ap, register),
      { port: 'ap', address: register & 0x0c, read: true },
    ];
    const [value = 0] = await this.#read(batch, io);
    return value;
  }

  async writeAp(ap: number, register: number, value: number, io: IoContext): Promise<void> {
    await this.#carry([...this.select(ap, register), { port: 'ap', address: register & 0x0c, read: false, value }], io);
  }

  /** Words of the space in which ADIv6's access ports stand. */
  async readApSpace(address: number, words: number, io: IoContext): Promise<Uint32Array> {
    return this.#read(() => this.#wordsAt(address, words), io);
  }

  #wordsAt(address: number, words: number): Transfer[] {
    const batch: Transfer[] = [];
    for (let at = address; at < address + 4 * words; at += 4) {
      batch.push(...this.#selectValue((at & ~0xf) >>> 0), { port: 'ap', address: at & 0x0c, read: true });
    }
    return batch;
  }

  /** Made anew for each attempt: what is selected is not known after a failure. */
  #read(batch: () => readonly Transfer[], io: IoContext): Promise<Uint32Array> {
    return this.repeatedOnNoise(() => this.#carry(batch(), io), io);
  }

  async #carry(batch: readonly Transfer[], io: IoContext): Promise<Uint32Array> {
    try {
      return await this.port.transfer(batch, io);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** The access port's identification register; 0 where there is none (ADIv5.2, C1.3). */
  identify(ap: number, io: IoContext): Promise<number> {
    return this.readAp(ap, IDR, io);
  }
}

function isNoise(error: unknown): boolean {
  return error instanceof FlashlineError && error.failure.code === 'wire-noise';
}
