import { FaultPlan } from '../fault-plan.ts';
import type { Faults } from '../faults.ts';
import { Prng } from '../prng.ts';
import type { UsbDescription } from '../usbip/usb-device.ts';
import { toNs, VirtualClock } from '../virtual-clock.ts';
import { Dfu, type DfuFaults, DfuMachine, type DfuMemory, type WorkDone } from './dfu-machine.ts';
import type { DfuUnit } from './dfu-unit.ts';
import { functionalDescriptor } from './functional.ts';

/** pid.codes' ids for private testing: no real product has them. One for the boot loader, one for the firmware. */
const LOADER_IDS = { vendorId: 0x1209, productId: 0x0002, release: 0x0100 } as const;
const FIRMWARE_IDS = { vendorId: 0x1209, productId: 0x0003, release: 0x0100 } as const;
const DETACH_MS = 1000;
const MANIFEST_MS = 20;

export interface PlainDfuOptions {
  readonly startAt: number;
  /** The USB serial number. */
  readonly serial: string;
  /** Bytes of each image's place: one alternate setting each. */
  readonly slots: readonly number[];
  readonly transferBytes?: number;
  readonly canUpload?: boolean;
  readonly tolerant?: boolean;
  /** Typical times: the whole slot is erased with the first block. */
  readonly eraseMs?: number;
  readonly usPerByte?: number;
}

interface Slot {
  readonly bytes: Uint8Array;
  /** What the boot loader notes once an image was taken over: its length; 0 while there is none. */
  imageBytes: number;
}

/**
 * A product with a plain DFU 1.1 boot loader: each alternate setting takes one image, erased and written as its blocks
 * come. A note is erased before the first change and written at the end: without it the boot loader starts nothing.
 */
export class PlainDfuUnit implements DfuUnit, DfuMemory {
  readonly clock: VirtualClock;
  readonly leavesFromIdle = false;
  readonly tolerant: boolean;
  readonly slots: readonly Slot[];
  machine: DfuMachine;
  /** Its own firmware runs, with a DFU interface at run time. */
  runsFirmware = false;
  readonly #options: Required<PlainDfuOptions>;
  readonly #prng = new Prng(1);
  #spoilt: DfuFaults = {};
  #alternate = 0;
  #sent = 0;
  #detaching = false;

  constructor(options: PlainDfuOptions) {
    const defaults = { transferBytes: 1024, canUpload: true, tolerant: true, eraseMs: 300, usPerByte: 10 };
    this.#options = { ...defaults, ...options };
    this.tolerant = this.#options.tolerant;
    this.clock = new VirtualClock(options.startAt);
    this.slots = options.slots.map((size) => ({ bytes: new Uint8Array(size).fill(0xff), imageBytes: 0 }));
    this.machine = new DfuMachine(this);
  }

  get startable(): boolean {
    return (this.slots[0]?.imageBytes ?? 0) > 0;
  }

  describe(): UsbDescription {
    const { serial, transferBytes, canUpload, tolerant } = this.#options;
    const attributes = 1 | (canUpload ? 2 : 0) | (tolerant ? 4 : 0) | (this.runsFirmware ? 8 : 0);
    const functional = functionalDescriptor({ attributes, detachMs: DETACH_MS, transferBytes, version: 0x0110 });
    const ids = this.runsFirmware ? FIRMWARE_IDS : LOADER_IDS;
    const product = this.runsFirmware ? 'Demo product' : 'Demo product boot loader';
    const names = this.runsFirmware ? ['DFU runtime'] : this.slots.map((_, index) => `image ${index}`);
    return {
      speed: 'full',
      identity: { ...ids, manufacturer: 'Flashline', product, serial },
      interfaces: names.map((name, alternate) => ({
        alternate,
        classCode: 0xfe,
        subclass: 1,
        protocol: this.runsFirmware ? 1 : 2,
        name,
        classDescriptors: functional,
        endpoints: [],
      })),
    };
  }

  plugIn(faults: Faults, spoilt: DfuFaults): FaultPlan {
    this.#spoilt = spoilt;
    this.runsFirmware = this.startable;
    this.#start();
    return new FaultPlan(faults, this.clock.elapsedNs);
  }

  alternate(setting: number): void {
    this.#alternate = setting;
    this.machine.reset();
  }

  detach(): boolean {
    this.#detaching = this.runsFirmware;
    if (this.runsFirmware) this.machine.left = true;
    return this.runsFirmware;
  }

  /** Ends the boot loader, if there is something to start. */
  busReset(): void {
    if (this.runsFirmware || !this.startable) this.machine.reset();
    else this.machine.left = true;
  }

  comeBack(): boolean {
    this.runsFirmware = !this.#detaching && this.startable;
    this.#detaching = false;
    this.#start();
    return true;
  }

  powerCut(): void {
    this.#sent = 0;
  }

  work(block: number, data: Uint8Array, at: number): WorkDone {
    const slot = this.slots[this.#alternate];
    const { eraseMs, usPerByte } = this.#options;
    if (!slot || this.#sent + (block === 0 ? 0 : data.length) > slot.bytes.length) {
      return { endsAt: at, status: Dfu.errAddress };
    }
    let ms = (data.length * usPerByte) / 1000;
    if (block === 0) {
      slot.imageBytes = 0;
      slot.bytes.fill(0xff);
      this.#sent = 0;
      ms += eraseMs;
    }
    slot.bytes.set(data, this.#sent);
    this.#sent += data.length;
    return { endsAt: at + toNs(ms), status: Dfu.ok };
  }

  upload(block: number, length: number): Uint8Array | number {
    const slot = this.slots[this.#alternate];
    if (!slot || !this.#options.canUpload) return Dfu.errStalled;
    const from = block * this.#options.transferBytes;
    return slot.bytes.slice(from, Math.min(slot.bytes.length, from + length));
  }

  manifest(at: number): WorkDone {
    const slot = this.slots[this.#alternate];
    if (slot) slot.imageBytes = this.#sent;
    return { endsAt: at + toNs(MANIFEST_MS), status: Dfu.ok };
  }

  /** Rot: one byte of an image changes. */
  spoil(slot: number, at: number): void {
    const { bytes } = this.slots[slot] ?? { bytes: new Uint8Array() };
    bytes[at] = (bytes[at] ?? 0) ^ (1 + (this.#prng.next() % 255));
  }

  #start(): void {
    this.#alternate = 0;
    this.#sent = 0;
    this.machine = new DfuMachine(this, this.#spoilt);
    if (!this.runsFirmware && !this.startable) this.machine.fail(Dfu.errFirmware);
  }
}
