import { hexAddress, isFilledWith, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { EepromInterface } from '#shared/model/interfaces/i2c.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { I2cPort } from '../../probe/i2c-port.ts';
import type { Identity } from '../../target/target.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { Programmer } from '../programmer.ts';
import { reachOf } from './eeprom-address.ts';
import { EepromBus } from './eeprom-bus.ts';
import { EepromDevice } from './eeprom-device.ts';

/**
 * A 24xx behind an adapter: takes the bus at the chip's speed and sees that somebody acknowledges its address. Rejects with
 * `no-target`, `bus-stuck` or the adapter's failures; the port is closed by then.
 */
export async function openEeprom(
  port: I2cPort,
  chip: ChipDescription,
  eeprom: EepromInterface,
  io: IoContext,
): Promise<Programmer> {
  try {
    const usedHz = await port.connect(eeprom.maxHz, io);
    const bus = new EepromBus(port, eeprom);
    await bus.read(0, 1, io);
    return new Eeprom({ port, chip, eeprom, bus, usedHz });
  } catch (error) {
    await port.close({ clock: io.clock, signal: new AbortController().signal });
    throw error;
  }
}

interface Parts {
  readonly port: I2cPort;
  readonly chip: ChipDescription;
  readonly eeprom: EepromInterface;
  readonly bus: EepromBus;
  readonly usedHz: number;
}

class Eeprom implements Programmer {
  readonly chip: ChipDescription;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.chip = parts.chip;
    this.#parts = parts;
  }

  reach(): Reach {
    const { port, eeprom, usedHz } = this.#parts;
    const askedHz = eeprom.maxHz;
    const limited = usedHz < askedHz ? ({ limitedBy: 'probe' } as const) : {};
    return { ...port.describe(), protocol: 'i2c', askedHz, usedHz, ...limited };
  }

  /** An EEPROM has no register that tells its kind: only some have an id. */
  async identify(io: IoContext): Promise<Identity> {
    const { bus, eeprom } = this.#parts;
    const { id } = this.chip;
    if (!eeprom.uid) return { uid: null, chip: id, locks: {} };
    const { address, size } = eeprom.uid;
    const bytes = await bus.read(address, size, io);
    if (isFilledWith(bytes, 0x00) || isFilledWith(bytes, 0xff)) {
      const register = hexAddress(address);
      throw new FlashlineError('identity-unreadable', { where: { address }, params: { register } });
    }
    return { uid: toHex(bytes), chip: id, locks: {} };
  }

  async openFlash(): Promise<FlashDevice> {
    const { bus, eeprom } = this.#parts;
    return new EepromDevice(bus, this.chip, reachOf(eeprom));
  }

  /** Nothing runs in a memory. */
  start(): Promise<void> {
    return Promise.resolve();
  }

  close(io: IoContext): Promise<void> {
    return this.#parts.port.close(io);
  }
}
