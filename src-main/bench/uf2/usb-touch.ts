import { readU32 } from '#shared/base/bytes.ts';
import { type Setup, type UsbDescription, UsbDevice, type UsbFunction } from '../usbip/usb-device.ts';
import type { PluggedDevice, UsbipDevice } from '../usbip/usbip-device.ts';

/** pid.codes' ids for private testing. */
const IDS = { vendorId: 0x1209, productId: 0x0001, release: 0x0100 } as const;
const CONTROL = 0;
const DATA = 1;
const BULK = 2;
const NOTIFY = 3;

/** Class requests (USB PSTN 1.2, table 13). */
const Request = { setLineCoding: 0x20, getLineCoding: 0x21, setControlLineState: 0x22 } as const;
const DTR = 1;
/** The speed at which Arduino-like firmware takes a port's closing for the wish to have its boot loader. */
const TOUCH_BAUD = 1200;
/** Arduino's core for the SAM D waits so long before it resets, so that the host is done with the port (Reset.cpp). */
const RESET_MS = 250;

/** CDC 1.2, 5.2.3: header, call management by the data interface, line coding and state, union. */
// prettier-ignore
const CLASS_DESCRIPTORS = Uint8Array.of(
  5, 0x24, 0x00, 0x10, 0x01,
  5, 0x24, 0x01, 0x00, DATA,
  4, 0x24, 0x02, 0x02,
  5, 0x24, 0x06, CONTROL, DATA,
);

export interface UsbTouchOptions {
  readonly serial: string;
  /** What the unit is once its boot loader runs. */
  readonly loader: UsbipDevice;
  /** Calls back after so many milliseconds of real time. */
  readonly later: (ms: number, work: () => void) => void;
}

/** A unit whose firmware has a serial port, and its boot loader after that port was opened at 1200 baud and closed. */
export function usbTouch({ serial, loader, later }: UsbTouchOptions): UsbipDevice {
  let touched = false;
  return {
    describe: () => (touched ? loader.describe() : describe(serial)),
    plugIn: (unplug): PluggedDevice => {
      if (touched) {
        return loader.plugIn(() => {
          touched = false;
          unplug();
        });
      }
      const firmware = new SerialFirmware(describe(serial), () => {
        touched = true;
        later(RESET_MS, unplug);
      });
      const counts = { requests: 0, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 };
      return { device: new UsbDevice(firmware), counts: () => counts };
    },
  };
}

function describe(serial: string): UsbDescription {
  const bulk = { number: BULK, transfer: 'bulk', maxPacket: 64, interval: 0 } as const;
  return {
    speed: 'full',
    identity: { ...IDS, manufacturer: 'Flashline', product: 'Flashline bench firmware', serial },
    interfaces: [
      {
        number: CONTROL,
        classCode: 2,
        subclass: 2,
        protocol: 1,
        name: 'serial port',
        classDescriptors: CLASS_DESCRIPTORS,
        endpoints: [{ number: NOTIFY, direction: 'in', transfer: 'interrupt', maxPacket: 8, interval: 16 }],
      },
      {
        number: DATA,
        classCode: 0x0a,
        subclass: 0,
        protocol: 0,
        name: 'serial data',
        classDescriptors: new Uint8Array(),
        endpoints: [
          { ...bulk, direction: 'in' },
          { ...bulk, direction: 'out' },
        ],
      },
    ],
  };
}

/** A serial port (CDC ACM) that takes everything and says nothing. */
class SerialFirmware implements UsbFunction {
  readonly description: UsbDescription;
  readonly #touched: () => void;
  /** 9600 baud, one stop bit, no parity, 8 bits. */
  #coding = Uint8Array.of(0x80, 0x25, 0, 0, 0, 0, 8);
  #open = false;

  constructor(description: UsbDescription, touched: () => void) {
    this.description = description;
    this.#touched = touched;
  }

  control({ request, value }: Setup, data: Uint8Array): Uint8Array | undefined {
    if (request === Request.getLineCoding) return this.#coding;
    if (request === Request.setLineCoding && data.length === this.#coding.length) this.#coding = data.slice();
    else if (request === Request.setControlLineState) this.#lines((value & DTR) !== 0);
    else return undefined;
    return new Uint8Array();
  }

  write(): boolean {
    return true;
  }

  read(): undefined {
    return undefined;
  }

  reset(): void {
    this.#open = false;
  }

  #lines(open: boolean): void {
    if (this.#open && !open && readU32(this.#coding, 0) === TOUCH_BAUD) this.#touched();
    this.#open = open;
  }
}
