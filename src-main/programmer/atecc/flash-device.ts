import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription, FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { backgroundOf } from '../../plan/locks.ts';
import type { PageState } from '../../plan/page-state.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice } from '../flash-device.ts';
import { pageStates } from '../survey.ts';
import { type ConfigZone, I2C_ADDRESS, unprovable } from './config-zone.ts';
import type { AteccSession } from './session.ts';
import { pieceAt, readConfig, readRange, writeRange } from './zones.ts';

/** WriteConfig 0: written in the clear whenever one likes (DS20005927A, table 2-10). */
const ALWAYS = 0;

/** An ATECC's zones as memory that is written over. What cannot be read back is refused before anything is written. */
export class AteccFlashDevice implements FlashDevice {
  readonly name = 'ATECC zones';
  readonly #session: AteccSession;
  readonly #chip: ChipDescription;

  constructor(session: AteccSession, chip: ChipDescription) {
    this.#session = session;
    this.#chip = chip;
  }

  async survey(
    memory: FlashMemory,
    address: number,
    size: number,
    io: IoContext,
    progress?: Progress,
  ): Promise<PageState[]> {
    await this.#requireProvable(address, io);
    const bytes = await readRange(this.#session, address, size, io, progress);
    this.#asUnlocked(memory, address, bytes);
    return pageStates(memory, address, bytes);
  }

  /** Nothing is ever erased here: Write replaces. */
  async erase(): Promise<void> {
    throw new FlashlineError('internal', { cause: 'an ATECC has no erase' });
  }

  async program(
    _memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const zone = await this.#requireProvable(address, io);
    this.#requireWritable(zone, address);
    this.#requireSameAddress(zone, address, bytes);
    await writeRange(this.#session, address, bytes, io, progress);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return readRange(this.#session, address, length, io, progress);
  }

  async finish(): Promise<void> {
    // Nothing stays open.
  }

  async #requireProvable(address: number, io: IoContext): Promise<ConfigZone> {
    const zone = await readConfig(this.#session, io);
    const rules = zone.slots[pieceAt(address)?.slot ?? -1];
    const detail = rules && unprovable(zone, rules);
    if (detail !== undefined) {
      throw new FlashlineError('not-provable', {
        where: { address },
        params: { address: hexAddress(address), detail },
      });
    }
    return zone;
  }

  #requireWritable(zone: ConfigZone, address: number): void {
    const rules = zone.slots[pieceAt(address)?.slot ?? -1];
    const lock = rules ? slotLock(rules) : zone.configLocked ? 'LockConfig' : undefined;
    if (lock === undefined) return;
    throw new FlashlineError('memory-locked', { where: { address }, params: { address: hexAddress(address), lock } });
  }

  /** A chip that listens to another address from its next wake on would be lost to this run, and to the next. */
  #requireSameAddress({ i2cAddress }: ConfigZone, address: number, bytes: Uint8Array): void {
    const wanted = bytes[I2C_ADDRESS - address];
    if (address >= 0x80 || wanted === undefined || wanted >>> 1 === i2cAddress) return;
    const params = {
      address: hexAddress(I2C_ADDRESS),
      detail: `it moves the chip to another I2C address, 0x${(wanted >>> 1).toString(16)}`,
    };
    throw new FlashlineError('not-provable', { where: { address: I2C_ADDRESS }, params });
  }

  /** Lock words are not the image's: what they hold makes no page one that has to change. */
  #asUnlocked(memory: FlashMemory, address: number, bytes: Uint8Array): void {
    for (const lock of this.#chip.locks.filter((each) => each.memory === memory.name)) {
      for (let at = lock.address; at < lock.address + lock.size; at++) {
        if (at < address || at >= address + bytes.length) continue;
        const page = at - ((at - memory.start) % memory.page);
        bytes[at - address] = backgroundOf(this.#chip, memory, page)[at - page] ?? 0;
      }
    }
  }
}

/** What forbids to write this slot, if anything. */
function slotLock({ slot, locked, writeConfig }: ConfigZone['slots'][number]): string | undefined {
  if (locked) return `SlotLocked, slot ${slot}`;
  return writeConfig === ALWAYS ? undefined : `SlotConfig.WriteConfig of slot ${slot}`;
}
