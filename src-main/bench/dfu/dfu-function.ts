import type { FaultPlan } from '../fault-plan.ts';
import type { Setup, UsbFunction } from '../usbip/usb-device.ts';
import type { Answer } from './dfu-machine.ts';
import type { DfuUnit } from './dfu-unit.ts';

const CLASS_REQUEST = 0x20;
const TYPE = 0x60;
const DETACH = 0;

/** A DFU unit as a USB function, whatever carries the requests. `doneAt` is when its last answer is ready. */
export class DfuFunction implements UsbFunction {
  readonly description: UsbFunction['description'];
  doneAt = 0;
  requests = 0;
  #configured = false;
  readonly #unit: DfuUnit;
  readonly #faults: FaultPlan;
  readonly #gone: () => void;

  /** `gone`: a fault pulled it out, or its supply failed. */
  constructor(unit: DfuUnit, faults: FaultPlan, gone: () => void) {
    this.#unit = unit;
    this.#faults = faults;
    this.#gone = gone;
    this.description = unit.describe();
  }

  control(setup: Setup, data: Uint8Array): Uint8Array | undefined {
    const { clock, machine } = this.#unit;
    const at = clock.elapsedNs;
    this.doneAt = at;
    if ((setup.type & TYPE) !== CLASS_REQUEST) return undefined;
    this.requests++;
    const due = this.#faults.nextPacket();
    const supplyFails = due.powerCut ? at : this.#faults.powerCutNs;
    if (at >= supplyFails) this.#unit.powerCut(Math.min(at, supplyFails));
    if (at >= supplyFails || due.unplugged) {
      this.#gone();
      return undefined;
    }
    if (due.silent) {
      this.doneAt = Infinity;
      return undefined;
    }
    const answer: Answer =
      setup.request === DETACH
        ? { data: this.#unit.detach() ? new Uint8Array() : undefined, doneAt: at }
        : machine.request(setup, data, at);
    this.doneAt = answer.doneAt;
    return answer.data;
  }

  alternate(_number: number, setting: number): void {
    this.#unit.alternate?.(setting);
  }

  /** The first time is being configured; after that the host resets the bus. */
  reset(): void {
    if (this.#configured) this.#unit.busReset(this.#unit.clock.elapsedNs);
    this.#configured = true;
  }

  write(): boolean {
    return true;
  }

  read(): undefined {
    return undefined;
  }
}
