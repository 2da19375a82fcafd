import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { SpiInterface } from '#shared/model/interfaces/spi.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { SpiPort } from '../../probe/spi-port.ts';
import type { Identity } from '../../target/target.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { Programmer } from '../programmer.ts';
import { NorChip } from './nor-chip.ts';
import { NorDevice } from './nor-device.ts';
import { NorLocks } from './nor-locks.ts';
import { NorProtection } from './nor-protection.ts';

/** The least that a page program or a read of parameters takes: a port that carries less is of no use. */
const LEAST_TRANSFER = 262;

/**
 * Takes the pins and wakes the NOR flash on them. Rejects with the adapter's failures, `interface-unsupported`, or
 * `no-target` where nothing answers; the port is closed then.
 */
export async function openSpiNor(port: SpiPort, chip: ChipDescription, io: IoContext): Promise<Programmer> {
  const { spi } = chip;
  try {
    if (!spi) throw new FlashlineError('interface-unsupported', { params: { interface: 'spi', chip: chip.name } });
    if (port.limits.write < LEAST_TRANSFER) throw tooNarrow(port);
    const clockHz = await port.connect(spi.maxHz, io);
    const nor = new NorChip(chip, spi, port, clockHz);
    await nor.wake(io);
    return new SpiNor(nor, spi);
  } catch (error) {
    await port.close(io);
    throw error;
  }
}

function tooNarrow(port: SpiPort): FlashlineError {
  const detail = `it writes ${port.limits.write} bytes at once, a page takes ${LEAST_TRANSFER}`;
  return new FlashlineError('probe-unsuited', { params: { url: port.url, detail } });
}

class SpiNor implements Programmer {
  readonly chip: ChipDescription;
  readonly protection: NorProtection;
  readonly locks: NorLocks;
  readonly #nor: NorChip;
  readonly #spi: SpiInterface;

  constructor(nor: NorChip, spi: SpiInterface) {
    this.chip = nor.chip;
    this.protection = new NorProtection(nor);
    this.locks = new NorLocks(nor, this.protection);
    this.#nor = nor;
    this.#spi = spi;
  }

  async identify(io: IoContext): Promise<Identity> {
    const parts = await this.#nor.parts(io);
    const { observed } = await this.protection.read(io);
    const locks = {
      'JEDEC ID': parts.jedecId.toUpperCase(),
      size: hexAddress(parts.size),
      ...observed,
    };
    return { uid: await this.#nor.uid(io), chip: this.chip.id, locks };
  }

  async openFlash(io: IoContext): Promise<FlashDevice> {
    await this.#nor.clearFlags(io);
    const parts = await this.#nor.useAddresses(io);
    return new NorDevice(this.#nor, parts, flashMemories(this.chip)[0]?.start ?? 0);
  }

  reach(): Reach {
    const { adapter = { vendor: '', product: '', serial: '', firmware: '' } } = this.#nor.port;
    const { clockHz } = this.#nor;
    const asked = this.#spi.maxHz;
    const used = clockHz === 0 ? {} : { usedHz: clockHz, ...(clockHz < asked ? { limitedBy: 'probe' as const } : {}) };
    return { ...adapter, protocol: 'spi', askedHz: asked, ...used };
  }

  async start(io: IoContext): Promise<void> {
    await this.#nor.leave(io);
  }

  async close(io: IoContext): Promise<void> {
    try {
      await this.#nor.leave(io);
    } catch (error) {
      // What cannot be reached any more cannot be left either.
      if (!(error instanceof FlashlineError)) throw error;
    } finally {
      await this.#nor.port.close(io);
    }
  }
}
