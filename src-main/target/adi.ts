import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, Transfer } from '../probe/debug-port.ts';

/** Debug port registers, A[3:2] (ADIv5.2, B2.2). */
const CTRL_STAT = 0x4;
const SELECT = 0x8;

/** CTRL/STAT: power-up requests and their acknowledges. */
const CSYSPWRUPACK = 0x8000_0000;
const CSYSPWRUPREQ = 0x4000_0000;
const CDBGPWRUPACK = 0x2000_0000;
const CDBGPWRUPREQ = 0x1000_0000;
const POWER_ACKS = (CSYSPWRUPACK | CDBGPWRUPACK) >>> 0;

const POWER_UP_MS = 100;
const IDR = 0xfc;

/** The debug port's own state: power, and which access port and register bank is selected. */
export class Adi {
  readonly port: DebugPort;
  /** SELECT as last written, or undefined when a failure may have lost it. */
  #select: number | undefined;

  constructor(port: DebugPort) {
    this.port = port;
  }

  /** Asks for debug and system power and waits for both acknowledges; `target-stuck` when they do not come. */
  async powerUp(io: IoContext): Promise<void> {
    const started = io.clock.monotonic();
    await this.port.transfer(
      [
        { port: 'dp', address: SELECT, read: false, value: 0 },
        { port: 'dp', address: CTRL_STAT, read: false, value: CSYSPWRUPREQ | CDBGPWRUPREQ },
      ],
      io,
    );
    this.#select = 0;
    for (;;) {
      const [status = 0] = await this.port.transfer([{ port: 'dp', address: CTRL_STAT, read: true }], io);
      if ((status & POWER_ACKS) >>> 0 === POWER_ACKS) return;
      if (io.clock.monotonic() - started > POWER_UP_MS) {
        throw new FlashlineError('target-stuck', {
          params: { seconds: POWER_UP_MS / 1000 },
          cause: 'no debug power-up acknowledge',
        });
      }
      await io.clock.sleep(1, io.signal);
    }
  }

  /** The transfers that make `register` (its whole offset) of access port `ap` reachable: none or one. */
  select(ap: number, register: number): Transfer[] {
    const value = ((ap << 24) | (register & 0xf0)) >>> 0;
    if (value === this.#select) return [];
    this.#select = value;
    return [{ port: 'dp', address: SELECT, read: false, value }];
  }

  /** After any rejected batch: what was selected is not known any more. */
  forget(): void {
    this.#select = undefined;
  }

  async readAp(ap: number, register: number, io: IoContext): Promise<number> {
    try {
      const batch: Transfer[] = [...this.select(ap, register), { port: 'ap', address: register & 0x0c, read: true }];
      const [value = 0] = await this.port.transfer(batch, io);
      return value;
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

/** IDR's class field (bits 16-13) of a memory access port (ADIv5.2, C2.6.3). */
export function isMemoryAp(idr: number): boolean {
  return ((idr >>> 13) & 0xf) === 0x8;
}
