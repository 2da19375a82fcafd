import type { UsbDescription } from '../usbip/usb-device.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import type { Faults } from '../faults.ts';
import type { DfuFaults, DfuMachine } from './dfu-machine.ts';

/** A simulated unit that a DFU boot loader, or a firmware with a way there, shows on USB. */
export interface DfuUnit {
  readonly clock: VirtualClock;
  /** As it is on the bus now. */
  describe(): UsbDescription;
  /** Plugged in: power comes up, and this connection's faults apply. */
  plugIn(faults: Faults, spoilt: DfuFaults): FaultPlan;
  /** The machine that DFU's requests go to; anew at each plugging in and each time that it comes back. */
  readonly machine: DfuMachine;
  /** The host chose an alternate setting; absent where that changes nothing. */
  alternate?(setting: number): void;
  /** DFU_DETACH at run time: whether it is one's to obey. */
  detach(): boolean;
  /** The host resets the bus. */
  busReset(at: number): void;
  /** It left the bus: whether it comes back, and has come back when this is called. */
  comeBack(at: number): boolean;
  powerCut(at: number): void;
}
