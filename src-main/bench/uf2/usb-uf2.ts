import { descriptor, DescriptorType, u16 } from '../usbip/descriptors.ts';
import type { PacketCounts } from '../usbip/packet-buffers.ts';
import { type Setup, type UsbDescription, UsbDevice, type UsbFunction } from '../usbip/usb-device.ts';
import type { PluggedDevice, UsbipDevice } from '../usbip/usbip-device.ts';
import type { Faults } from '../faults.ts';
import { toNs } from '../virtual-clock.ts';
import { GhostFat } from './ghost-fat.ts';
import { Hf2Device } from './hf2-device.ts';
import { MassStorage } from './mass-storage.ts';
import type { InBootLoader } from './in-boot-loader.ts';
import type { Uf2Bench } from './uf2-bench.ts';

/** pid.codes' ids for private testing. */
const VENDOR = 0x1209;
const PRODUCT = 0x0002;
const BULK = 1;
const HID = 2;
const PACKET = 64;
const GET_MAX_LUN = 0xfe;
const STORAGE_RESET = 0xff;
const GET_REPORT = 1;
const SET_REPORT = 9;
const SET_IDLE = 0x0a;
const CLASS_IN = 0xa1;
const STORAGE_INTERFACE = 0;
/** How much of the real time between two packets passes for the board too. */
const MOST_IDLE_MS = 100;

/** uf2-samdx1, cdc_enumerate.c: a usage page of its own, 64 bytes in, 64 bytes out, no report ids. */
// prettier-ignore
const REPORT_DESCRIPTOR = Uint8Array.of(
  0x06, 0x97, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08,
  0x95, PACKET, 0x09, 0x01, 0x81, 0x02, 0x95, PACKET, 0x09, 0x01, 0x91, 0x02, 0xc0,
);

export interface UsbUf2Options {
  readonly bench: Uf2Bench;
  readonly chip: string;
  readonly unit: string;
  readonly faults?: Faults;
  /** Calls back after so many milliseconds of real time: a unit resets by itself. */
  readonly later: (ms: number, work: () => void) => void;
  /** Monotonic milliseconds of the computer: the flash goes on working while the host thinks. */
  readonly realMs: () => number;
}

/** The same place at which a unit in its boot loader is plugged in, and reset twice, again and again. */
export function usbUf2(options: UsbUf2Options): UsbipDevice {
  const { bench, chip, unit } = options;
  const serial = serialOf(bench.boardFor(chip, unit));
  return {
    describe: () => describeUf2Device(serial),
    plugIn: (unplug) => plugIn(options, serial, unplug),
  };
}

function describeUf2Device(serial: string): UsbDescription {
  const bulk = { number: BULK, transfer: 'bulk', maxPacket: PACKET, interval: 0 } as const;
  const interrupt = { number: HID, transfer: 'interrupt', maxPacket: PACKET, interval: 1 } as const;
  return {
    speed: 'full',
    identity: {
      vendorId: VENDOR,
      productId: PRODUCT,
      release: 0x4201,
      manufacturer: 'Flashline',
      product: 'Flashline bench UF2',
      serial,
    },
    interfaces: [
      {
        number: STORAGE_INTERFACE,
        classCode: 8,
        subclass: 6,
        protocol: 0x50,
        name: 'drive',
        classDescriptors: new Uint8Array(),
        endpoints: [
          { ...bulk, direction: 'in' },
          { ...bulk, direction: 'out' },
        ],
      },
      {
        number: 1,
        classCode: 3,
        subclass: 0,
        protocol: 0,
        name: 'HF2',
        classDescriptors: hidDescriptor(),
        endpoints: [
          { ...interrupt, direction: 'in' },
          { ...interrupt, direction: 'out' },
        ],
      },
    ],
  };
}

function plugIn(options: UsbUf2Options, serial: string, unplug: () => void): PluggedDevice {
  const { bench, chip, unit, faults = [] } = options;
  const device = new Uf2Device(bench.plugIn(chip, unit, faults), describeUf2Device(serial), unplug, options);
  return { device: new UsbDevice(device), counts: () => device.counts };
}

type Times = Pick<UsbUf2Options, 'later' | 'realMs'>;

/** A composite device: the drive and HF2, whose work is done at once and takes its time on the board's clock. */
class Uf2Device implements UsbFunction {
  readonly description: UsbDescription;
  readonly #unit: InBootLoader;
  readonly #unplug: () => void;
  readonly #times: Times;
  readonly #storage: MassStorage;
  readonly #hf2: Hf2Device;
  readonly #answers: Uint8Array[] = [];
  readonly #counts = { requests: 0, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 };
  #leaving = false;
  #lastMs: number;

  constructor(unit: InBootLoader, description: UsbDescription, unplug: () => void, times: Times) {
    this.#unit = unit;
    this.description = description;
    this.#unplug = unplug;
    this.#times = times;
    this.#lastMs = times.realMs();
    const { loader, board } = unit;
    this.#hf2 = new Hf2Device(loader, board);
    const fat = new GhostFat(
      () => loader.info,
      (address) => loader.readRow(address),
    );
    this.#storage = new MassStorage(
      {
        read: (sector) => fat.read(sector),
        write: (_sector, bytes) => board.clock.advanceTo(loader.takeSector(bytes, board.clock.elapsedNs)),
      },
      PACKET,
    );
  }

  get counts(): PacketCounts {
    return { ...this.#counts };
  }

  control({ type, request, value, index }: Setup): Uint8Array | undefined {
    if (request === GET_MAX_LUN && type === CLASS_IN && index === STORAGE_INTERFACE) return Uint8Array.of(0);
    if (request === STORAGE_RESET && index === STORAGE_INTERFACE) {
      this.#storage.reset();
      return new Uint8Array();
    }
    if (request === 6 && value >>> 8 === DescriptorType.hidReport) return REPORT_DESCRIPTOR;
    if (request === 6 && value >>> 8 === DescriptorType.hid) return hidDescriptor();
    if (request === GET_REPORT) return new Uint8Array(PACKET);
    return request === SET_IDLE || request === SET_REPORT ? new Uint8Array() : undefined;
  }

  write(endpoint: number, packet: Uint8Array): boolean {
    if (!this.#happen()) return true;
    this.#counts.requests++;
    this.#counts.requestBytes += packet.length;
    if (endpoint === BULK) this.#storage.write(packet);
    else this.#take(packet);
    this.#mayLeave();
    return true;
  }

  read(endpoint: number): Uint8Array | undefined {
    const packet = endpoint === BULK ? this.#storage.read() : this.#answers.shift();
    if (!packet) return undefined;
    this.#counts.responses++;
    this.#counts.responseBytes += packet.length;
    return packet;
  }

  reset(): void {
    this.#storage.reset();
    this.#hf2.forget();
    this.#answers.length = 0;
  }

  #take(packet: Uint8Array): void {
    const { clock } = this.#unit.board;
    const answer = this.#hf2.take(packet, clock.elapsedNs);
    // What was begun is done before the next packet: a bus says NAK meanwhile.
    clock.advanceTo(Math.ceil(this.#unit.loader.freeAt(answer?.at ?? clock.elapsedNs)));
    this.#answers.push(...(answer?.packets ?? []));
  }

  /** False when the unit is not there any more. */
  #happen(): boolean {
    const { faults, loader, board } = this.#unit;
    const due = faults.nextPacket();
    this.#passRealTime();
    if (due.powerCut) loader.cutPower(board.clock.elapsedNs);
    loader.passTo(board.clock.elapsedNs);
    const gone = due.unplugged || loader.running !== 'boot-loader';
    if (gone) this.#unplug();
    return !gone;
  }

  #passRealTime(): void {
    const now = this.#times.realMs();
    this.#unit.board.clock.advance(Math.round(Math.min(Math.max(0, now - this.#lastMs), MOST_IDLE_MS) * toNs(1)));
    this.#lastMs = now;
  }

  /** A unit that resets leaves the bus; it comes back when it is plugged in, and reset twice. */
  #mayLeave(): void {
    const { loader, board } = this.#unit;
    if (this.#leaving || (loader.running === 'boot-loader' && loader.resetAt === Infinity)) return;
    this.#leaving = true;
    const wait = loader.running === 'boot-loader' ? Math.max(0, loader.resetAt - board.clock.elapsedNs) : 0;
    this.#times.later(wait / toNs(1), () => {
      board.clock.advanceTo(board.clock.elapsedNs + Math.ceil(wait));
      loader.passTo(board.clock.elapsedNs);
      this.#unplug();
    });
  }
}

/** The hardware id's words, the lowest first (cdc_enumerate.c, load_serial_number). */
function serialOf({ chip, clock }: InBootLoader['board']): string {
  const words = [0x80a00c, 0x80a040, 0x80a044, 0x80a048].map((at) => chip.read(at, 4, clock.elapsedNs).value);
  return words.map((word) => word.toString(16).toUpperCase().padStart(8, '0')).join('');
}

/** HID 1.11, no country, one report descriptor (6.2.1). */
function hidDescriptor(): Uint8Array {
  return descriptor(DescriptorType.hid, [
    ...u16(0x0111),
    0,
    1,
    DescriptorType.hidReport,
    ...u16(REPORT_DESCRIPTOR.length),
  ]);
}
