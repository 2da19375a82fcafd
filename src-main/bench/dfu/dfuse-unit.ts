import type { Board } from '../board.ts';
import type { FaultPlan } from '../fault-plan.ts';
import type { Faults } from '../faults.ts';
import type { UsbDescription } from '../usbip/usb-device.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { type DfuFaults, DfuMachine } from './dfu-machine.ts';
import type { DfuUnit } from './dfu-unit.ts';
import { DfuSeMemory, serialOf } from './dfuse-memory.ts';
import { functionalDescriptor } from './functional.ts';

/** What ST's ROM of the STM32F40x says of itself (AN2606, STM32F40xxx/41xxx; UM0424, 10.3.2). */
const IDS = { vendorId: 0x0483, productId: 0xdf11, release: 0x2200 } as const;
const TRANSFER_BYTES = 2048;
const FUNCTIONAL = { attributes: 0x0b, detachMs: 255, transferBytes: TRANSFER_BYTES, version: 0x011a } as const;
const LAYOUTS = [
  '@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg',
  '@Option Bytes  /0x1FFFC000/01*016 e',
  '@OTP Memory /0x1FFF7800/01*512 e,01*016 e',
] as const;

export interface DfuSeUnitOptions {
  readonly showsUid?: boolean;
  /** What it says instead of its flash's layout. */
  readonly layout?: string;
  /** A twin's: not made of the unique id. */
  readonly serial?: string;
}

/** A board whose STM32F407 started its ROM's boot loader: BOOT0 is high, USB is plugged in. */
export class DfuSeUnit implements DfuUnit {
  readonly #board: Board;
  readonly #options: DfuSeUnitOptions;
  readonly #memory: DfuSeMemory;
  #spoilt: DfuFaults = {};
  machine: DfuMachine;
  /** It was left for the firmware: it stays away until it is plugged in anew. */
  #started = false;

  constructor(board: Board, options: DfuSeUnitOptions = {}) {
    this.#board = board;
    this.#options = options;
    const { showsUid = false } = options;
    this.#memory = new DfuSeMemory({ chip: board.chip, transferBytes: TRANSFER_BYTES, showsUid });
    this.machine = new DfuMachine(this.#memory);
  }

  get clock(): VirtualClock {
    return this.#board.clock;
  }

  describe(): UsbDescription {
    const [flash, ...others] = LAYOUTS;
    const names = [this.#options.layout ?? flash, ...others];
    const serial = this.#options.serial ?? serialOf(this.#board.chip, this.clock.elapsedNs);
    return {
      speed: 'full',
      identity: { ...IDS, manufacturer: 'STMicroelectronics', product: 'STM32  BOOTLOADER', serial },
      interfaces: names.map((name, alternate) => ({
        alternate,
        classCode: 0xfe,
        subclass: 1,
        protocol: 2,
        name,
        // The ROM describes itself once, behind its last setting.
        classDescriptors: alternate === names.length - 1 ? functionalDescriptor(FUNCTIONAL) : new Uint8Array(),
        endpoints: [],
      })),
    };
  }

  plugIn(faults: Faults, spoilt: DfuFaults): FaultPlan {
    const plan = this.#board.insert(faults);
    this.#spoilt = spoilt;
    this.#start();
    return plan;
  }

  detach(): boolean {
    return false;
  }

  busReset(): void {
    this.machine.reset();
  }

  comeBack(at: number): boolean {
    if (this.#started) return false;
    // Read unprotection reset the chip: options are latched when power comes up.
    this.#board.chip.powerCycle(at);
    this.#start();
    return true;
  }

  powerCut(at: number): void {
    this.#board.chip.powerCut(at);
  }

  #start(): void {
    this.#started = false;
    const memory = this.#memory;
    memory.start(this.clock.elapsedNs);
    this.machine = new DfuMachine(
      {
        leavesFromIdle: memory.leavesFromIdle,
        tolerant: memory.tolerant,
        work: (...args) => memory.work(...args),
        upload: (...args) => memory.upload(...args),
        manifest: (at) => {
          this.#started = true;
          return memory.manifest(at);
        },
      },
      this.#spoilt,
    );
  }
}
