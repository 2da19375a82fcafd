import type { FaultPlan } from '../fault-plan.ts';
import type { Faults } from '../faults.ts';
import type { Setup } from '../usbip/usb-device.ts';
import { UsbDevice } from '../usbip/usb-device.ts';
import type { UsbipDevice } from '../usbip/usbip-device.ts';
import { toNs } from '../virtual-clock.ts';
import { DfuFunction } from './dfu-function.ts';
import type { DfuUnit } from './dfu-unit.ts';

export interface UsbipDfuOptions {
  readonly unit: DfuUnit;
  /** Monotonic milliseconds of the computer: flash works on while the host thinks. */
  readonly realMs: () => number;
  readonly faults?: Faults;
}

/** So long passes on the unit's clock for a real second at most: a host that looks away for a day ages nothing. */
const MOST_IDLE_MS = 20_000;

/**
 * A DFU unit for any host that speaks USB/IP. When it leaves the bus it is pulled out; attached again, it is what it has
 * become meanwhile.
 */
export function usbipDfu({ unit, realMs, faults = [] }: UsbipDfuOptions): UsbipDevice {
  let plan = unit.plugIn(faults, {});
  // One that left for its firmware without a way back is put into its boot loader by whoever plugs it in again.
  const back = () => {
    if (unit.machine.left && !unit.comeBack(unit.clock.elapsedNs)) plan = unit.plugIn(faults, {});
  };
  return {
    describe: () => {
      back();
      return unit.describe();
    },
    plugIn: (unplug) => {
      back();
      const does = new RealTimeFunction(unit, plan, unplug, realMs);
      const counts = () => ({ requests: does.requests, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 });
      return { device: new UsbDevice(does), counts };
    },
  };
}

/** Answers at once, with the unit's clock moved on to where the answer is ready. */
class RealTimeFunction extends DfuFunction {
  readonly #device: DfuUnit;
  readonly #realMs: () => number;
  readonly #unplug: () => void;
  #lastMs: number;

  constructor(unit: DfuUnit, plan: FaultPlan, unplug: () => void, realMs: () => number) {
    super(unit, plan, unplug);
    this.#device = unit;
    this.#realMs = realMs;
    this.#unplug = unplug;
    this.#lastMs = realMs();
  }

  override reset(): void {
    super.reset();
    if (this.#device.machine.left) setImmediate(this.#unplug);
  }

  override control(setup: Setup, data: Uint8Array): Uint8Array | undefined {
    const { clock } = this.#device;
    const now = this.#realMs();
    clock.advance(toNs(Math.min(MOST_IDLE_MS, now - this.#lastMs)));
    this.#lastMs = now;
    const answer = super.control(setup, data);
    if (Number.isFinite(this.doneAt)) clock.advanceTo(this.doneAt);
    // Its answer goes out before it is gone.
    if (this.#device.machine.left) setImmediate(this.#unplug);
    return answer;
  }
}
