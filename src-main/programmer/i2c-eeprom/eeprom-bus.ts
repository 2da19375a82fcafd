import { concat, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EepromInterface } from '#shared/model/interfaces/i2c.ts';
import type { I2cMessage, I2cPort } from '../../probe/i2c-port.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { blockBytes, parts, wordAddress } from './eeprom-address.ts';

/** An EEPROM that does no write cycle answers at once: a missed address is noise, or nobody is there. */
const TRIES = 3;
/** Data sheets give the longest write cycle; deadlines allow ten times as much. */
const PATIENCE = 10;
/** Between two looks at a chip that is busy, in parts of its write cycle. */
const LOOKS = 16;

/** A 24xx on its bus: reads, and the write cycles of single pages. */
export class EepromBus {
  readonly #port: I2cPort;
  readonly #eeprom: EepromInterface;
  /** By when the write cycle that was started last has to be over; undefined when none can be under way. */
  #busyUntil: number | undefined;
  #writeMs = 0;

  constructor(port: I2cPort, eeprom: EepromInterface) {
    this.#port = port;
    this.#eeprom = eeprom;
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let done = 0;
    for (const part of parts(address, length, blockBytes(this.#eeprom), this.#port.limits.read)) {
      const { bytes } = wordAddress(this.#eeprom, part.address);
      const [found = new Uint8Array()] = await this.#transfer(
        part.address,
        [{ write: bytes }, { read: part.length }],
        io,
      );
      pieces.push(found);
      done += part.length;
      progress?.(done);
    }
    return concat(pieces);
  }

  /** Starts one write cycle; `bytes` lie within a page. Whoever comes next waits for its end, `typicalMs` or more. */
  async write(address: number, bytes: Uint8Array, typicalMs: number, io: IoContext): Promise<void> {
    const word = wordAddress(this.#eeprom, address);
    await this.#transfer(address, [{ write: concat([word.bytes, bytes]) }], io);
    this.#writeMs = typicalMs;
    this.#busyUntil = io.clock.monotonic() + typicalMs * PATIENCE;
  }

  /** What a page may be written with at once, in bytes. */
  get most(): number {
    return this.#port.limits.write - this.#eeprom.addressBytes;
  }

  async #transfer(address: number, messages: readonly I2cMessage[], io: IoContext): Promise<readonly Uint8Array[]> {
    const { device, bytes } = wordAddress(this.#eeprom, address);
    // A busy chip is asked with its address alone: some adapters clock a refused transfer to its end all the same.
    if (this.#busyUntil !== undefined) await this.#acknowledged(address, device, [{ write: bytes }], io);
    return this.#acknowledged(address, device, messages, io);
  }

  /** Until the chip acknowledges its address: it does not while it writes. */
  async #acknowledged(
    address: number,
    device: number,
    messages: readonly I2cMessage[],
    io: IoContext,
  ): Promise<readonly Uint8Array[]> {
    for (let attempt = 1; ; attempt++) {
      const asked = io.clock.monotonic();
      const outcome = await this.#port.transfer(device, messages, io);
      if (outcome.acknowledged) {
        this.#busyUntil = undefined;
        return outcome.data;
      }
      // Its address it took: the write-protect pin is high (M24C64, 5.1.3), or the chip is another.
      if (outcome.at === 'data') throw refused(address);
      if (this.#busyUntil === undefined) {
        if (attempt >= TRIES) throw new FlashlineError('no-target');
      } else if (asked > this.#busyUntil) {
        throw this.#late(address);
      }
      await io.clock.sleep(this.#writeMs / LOOKS, io.signal);
    }
  }

  #late(address: number): FlashlineError {
    return new FlashlineError('flash-timeout', {
      where: { address },
      params: { address: hexAddress(address), seconds: (this.#writeMs * PATIENCE) / 1000 },
    });
  }
}

export function refused(address: number): FlashlineError {
  return new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) } });
}
