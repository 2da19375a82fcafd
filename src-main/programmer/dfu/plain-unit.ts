import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DfuInterface } from '#shared/model/interfaces/dfu.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { Identity } from '../../target/target.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { Programmer } from '../programmer.ts';
import { type DfuPlace, type OpenedDfu, reopenLoader } from './dfu-place.ts';
import { dfuReach, mayReadOn, untilGone } from './dfu-unit.ts';
import { PlainDfuDevice } from './plain-device.ts';
import { State } from './protocol.ts';

/**
 * A product with a DFU 1.1 boot loader: the n-th of the chip's flash memories is alternate setting n, which takes one
 * image from its start.
 */
export class PlainDfuUnit implements Programmer {
  readonly chip: ChipDescription;
  readonly #dfu: DfuInterface;
  readonly #place: DfuPlace;
  #opened: OpenedDfu;

  constructor(chip: ChipDescription, dfu: DfuInterface, place: DfuPlace, opened: OpenedDfu) {
    this.chip = chip;
    this.#dfu = dfu;
    this.#place = place;
    this.#opened = opened;
  }

  reach(): Reach {
    return dfuReach(this.#opened.description);
  }

  async identify(): Promise<Identity> {
    const { settings, serial } = this.#opened.description;
    const memories = flashMemories(this.chip);
    if (memories.some((_, index) => !settings.some(({ alternate }) => alternate === index))) {
      const found = `${settings.length} alternate settings`;
      throw new FlashlineError('wrong-chip', {
        params: { expected: this.chip.name, register: 'DFU interface', found },
      });
    }
    return { uid: this.#dfu.serialIsUid && serial !== '' ? serial.toLowerCase() : null, chip: this.chip.id, locks: {} };
  }

  async openFlash(): Promise<FlashDevice> {
    mayReadOn(this.#opened, this.#place.url);
    const memories = flashMemories(this.chip);
    return new PlainDfuDevice(
      () => this.#opened.port,
      (memory) => memories.indexOf(memory),
      (io) => this.#renew(io),
    );
  }

  /** The host's reset ends the boot loader (DFU 1.1, appendix A.1); one that stays on the bus has not started anything. */
  async start(io: IoContext): Promise<void> {
    const { usb, port } = this.#opened;
    await port.unlessGone(() => usb.reset(io));
    await untilGone(port, io);
  }

  async close(): Promise<void> {
    await this.#opened.usb.close();
  }

  /** It has taken an image over and wants to be reset before it says anything again. */
  async #renew(io: IoContext): Promise<void> {
    const { usb, port } = this.#opened;
    await port.unlessGone(() => usb.reset(io));
    const status = await port.unlessGone(() => port.getStatus(io));
    if (status?.state === State.idle) return;
    await usb.close();
    this.#opened = await reopenLoader(this.#place, this.chip, io);
  }
}
