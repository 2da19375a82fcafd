import { hexAddress, isFilledWith, toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DfuInterface } from '#shared/model/interfaces/dfu.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { Protection, ProtectionState } from '../../target/protection/protection.ts';
import type { Identity } from '../../target/target.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { Programmer } from '../programmer.ts';
import { type DfuPlace, type OpenedDfu, reopenLoader } from './dfu-place.ts';
import { DfuSeDevice, leaveDfuSe, unprotectDfuSe } from './dfuse-device.ts';
import { dfuReach, mayReadOn, untilGone } from './dfu-unit.ts';
import { hasPages, type MemoryLayout, parseLayout } from './layout-string.ts';

interface Setting {
  readonly alternate: number;
  readonly layout: MemoryLayout;
}

/** What a probe of protection looks at. */
const LOOK_BYTES = 4;

/** A chip in ST's boot loader, or in one that speaks like it. */
export class DfuSeUnit implements Programmer {
  readonly chip: ChipDescription;
  readonly protection: Protection;
  readonly #dfu: DfuInterface;
  readonly #place: DfuPlace;
  #opened: OpenedDfu;
  #selected: number | undefined;

  constructor(chip: ChipDescription, dfu: DfuInterface, place: DfuPlace, opened: OpenedDfu) {
    this.chip = chip;
    this.#dfu = dfu;
    this.#place = place;
    this.#opened = opened;
    this.protection = {
      read: (io) => this.#readProtection(io),
      // What a protected chip hides includes its id.
      readUid: async () => this.#serialAsUid(),
      unlock: (io, progress) => this.#unlock(io, progress),
      lock: async () => {
        const detail = 'this way of reaching the chip cannot lock it';
        throw new FlashlineError('probe-unsuited', { params: { url: place.url, detail } });
      },
    };
  }

  reach(): Reach {
    return dfuReach(this.#opened.description);
  }

  /** Rejects with `wrong-chip` when the layout that the device tells is not the chip's. */
  async identify(io: IoContext): Promise<Identity> {
    for (const { name, start, size, page } of flashMemories(this.chip)) {
      const setting = this.#settings.find(({ layout }) => hasPages(layout, start, size, page));
      if (setting) continue;
      const found = this.#opened.description.settings.map((one) => one.name).join(' | ');
      throw new FlashlineError('wrong-chip', {
        where: { address: start },
        params: { expected: `${this.chip.name} with ${name} at ${hexAddress(start)}`, register: 'DFU layout', found },
      });
    }
    return { uid: await this.#readUid(io), chip: this.chip.id, locks: {} };
  }

  async openFlash(io: IoContext): Promise<FlashDevice> {
    mayReadOn(this.#opened, this.#place.url);
    await this.#opened.port.toIdle(io);
    return this.#device;
  }

  /** Leaves for the firmware; a boot loader that stays on the bus has not started it. */
  async start(io: IoContext): Promise<void> {
    const vectors = this.chip.boot?.vectors ?? flashMemories(this.chip)[0]?.start ?? 0;
    await this.#select(vectors, io);
    await leaveDfuSe(this.#opened.port, vectors, io);
    await untilGone(this.#opened.port, io);
  }

  async close(): Promise<void> {
    await this.#opened.usb.close();
  }

  get #device(): DfuSeDevice {
    return new DfuSeDevice(this.#opened.port, (address, io) => this.#select(address, io));
  }

  get #settings(): readonly Setting[] {
    return this.#opened.description.settings.flatMap(({ alternate, name }) => {
      const layout = parseLayout(name);
      return layout ? [{ alternate, layout }] : [];
    });
  }

  /** The setting whose layout holds the address; the first where none says so. */
  async #select(address: number, io: IoContext): Promise<void> {
    const holds = ({ layout }: Setting) =>
      layout.groups.some(({ start, pages, pageBytes }) => address >= start && address < start + pages * pageBytes);
    const wanted = (this.#settings.find(holds) ?? this.#settings[0])?.alternate ?? 0;
    if (this.#selected === wanted) return;
    const { usb, port } = this.#opened;
    await usb.selectAlternate(port.interfaceNumber, wanted, io);
    this.#selected = wanted;
  }

  /** By upload, where the boot loader shows that part of the memory. Else what it makes its serial number of. */
  async #readUid(io: IoContext): Promise<string | null> {
    for (const { address, size } of [this.chip.identity.uid ?? []].flat().slice(0, 1)) {
      const bytes = await this.#readOrNothing(address, size, io);
      if (bytes && !isFilledWith(bytes, 0) && !isFilledWith(bytes, 0xff)) return toHex(bytes.toReversed());
    }
    return this.#serialAsUid();
  }

  #serialAsUid(): string | null {
    const { serial } = this.#opened.description;
    return this.#dfu.serialIsUid && serial !== '' ? serial.toLowerCase() : null;
  }

  async #readOrNothing(address: number, size: number, io: IoContext): Promise<Uint8Array | undefined> {
    try {
      return await this.#device.read(address, size, io);
    } catch (error) {
      const code = error instanceof FlashlineError ? error.failure.code : undefined;
      if (code !== 'probe-protocol' && code !== 'chip-protected' && code !== 'flash-refused') throw error;
      await this.#opened.port.toIdle(io);
      return undefined;
    }
  }

  /** The boot loader does not tell; a protected chip refuses to be read (AN3156, 5.2). */
  async #readProtection(io: IoContext): Promise<ProtectionState> {
    const start = flashMemories(this.chip)[0]?.start ?? 0;
    try {
      await this.#device.read(start, LOOK_BYTES, io);
      return { locked: false, observed: { 'read protection': 'not active' } };
    } catch (error) {
      if (!(error instanceof FlashlineError) || error.failure.code !== 'chip-protected') throw error;
      await this.#opened.port.toIdle(io);
      return { locked: true, observed: { 'read protection': 'active' } };
    }
  }

  /** Erases everything, resets the chip, and so leaves the bus (AN3156, 5.4). */
  async #unlock(io: IoContext, progress?: Progress): Promise<ProtectionState> {
    const ms = this.chip.massErase?.ms ?? 0;
    await unprotectDfuSe(this.#opened.port, ms, io);
    await this.#opened.usb.close();
    this.#opened = await reopenLoader(this.#place, this.chip, io);
    this.#selected = undefined;
    const state = await this.#readProtection(io);
    progress?.(flashMemories(this.chip).reduce((sum, { size }) => sum + size, 0));
    if (!state.locked) return state;
    throw new FlashlineError('unlock-failed', { params: { chip: this.chip.name, found: 'read protection active' } });
  }
}
