import type { I2cFixture } from '../i2c/i2c-bench.ts';
import { Mcp2221Device } from '../mcp2221/mcp2221-device.ts';
import { descriptor, DescriptorType, u16 } from './descriptors.ts';
import { type UsbDescription, UsbDevice, type UsbFunction } from './usb-device.ts';
import type { PluggedDevice, UsbipDevice } from './usbip-device.ts';

/** Microchip's own ids: foreign drivers go by them. The serial port that the real one also is, is left out. */
const IDENTITY = { vendorId: 0x04d8, productId: 0x00dd, release: 0x0100, manufacturer: 'Microchip Technology Inc.' };
const PRODUCT = 'MCP2221 USB-I2C/UART Combo';
const REPORT = 64;
const SET_REPORT = 9;
const SET_IDLE = 0x0a;
const GET_DESCRIPTOR = 6;
/** Real time that passes for the board between two reports, at most. */
const MOST_IDLE_NS = 100_000_000;

/** A usage page of the vendor's, 64 bytes in and 64 out, no ids (HID 1.11, 6.2.2; as in cmsis-dap-v1.ts). */
// prettier-ignore
const REPORT_DESCRIPTOR = Uint8Array.of(
  0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, REPORT,
  0x09, 0x01, 0x81, 0x02, 0x95, REPORT, 0x09, 0x01, 0x91, 0x02, 0xc0,
);

export interface UsbMcp2221Options {
  readonly serial: string;
  /** The board on its bus, as it is plugged in anew. */
  readonly plugIn: () => I2cFixture;
  readonly realMs: () => number;
}

/** A simulated MCP2221A for a USB host. */
export function usbMcp2221(options: UsbMcp2221Options): UsbipDevice {
  return { describe: () => describeMcp2221(options.serial), plugIn: () => plugInMcp2221(options) };
}

function describeMcp2221(serial: string): UsbDescription {
  const endpoint = { number: 3, transfer: 'interrupt', maxPacket: REPORT, interval: 1 } as const;
  return {
    speed: 'full',
    identity: { ...IDENTITY, product: PRODUCT, serial },
    interfaces: [
      {
        classCode: 3,
        subclass: 0,
        protocol: 0,
        name: PRODUCT,
        classDescriptors: hidDescriptor(),
        endpoints: [
          { direction: 'in', ...endpoint },
          { direction: 'out', ...endpoint },
        ],
      },
    ],
  };
}

function plugInMcp2221({ serial, plugIn, realMs }: UsbMcp2221Options): PluggedDevice {
  const { clock, wire } = plugIn();
  const device = new Mcp2221Device(wire);
  const counts = { requests: 0, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 };
  const answers: Uint8Array[] = [];
  let lastMs = realMs();
  const take = (data: Uint8Array) => {
    const report = new Uint8Array(REPORT);
    report.set(data.subarray(0, REPORT));
    counts.requests++;
    counts.requestBytes += data.length;
    clock.advance(Math.max(0, Math.min(Math.round((realMs() - lastMs) * 1e6), MOST_IDLE_NS)));
    const { response, doneAt } = device.handle(report, clock.elapsedNs);
    clock.advanceTo(doneAt);
    answers.push(response);
    lastMs = realMs();
  };
  const does: UsbFunction = {
    description: describeMcp2221(serial),
    control: ({ request, value }, data) => {
      if (request === GET_DESCRIPTOR && value >>> 8 === DescriptorType.hidReport) return REPORT_DESCRIPTOR;
      if (request === GET_DESCRIPTOR && value >>> 8 === DescriptorType.hid) return hidDescriptor();
      if (request === SET_REPORT) take(data);
      return request === SET_IDLE || request === SET_REPORT ? new Uint8Array() : undefined;
    },
    write: (_endpoint, packet) => {
      take(packet);
      return true;
    },
    read: () => {
      const answer = answers.shift();
      if (!answer) return undefined;
      counts.responses++;
      counts.responseBytes += answer.length;
      return answer;
    },
    reset: () => void answers.splice(0),
  };
  return { device: new UsbDevice(does), counts: () => ({ ...counts }) };
}

function hidDescriptor(): Uint8Array {
  const reports = [1, DescriptorType.hidReport, ...u16(REPORT_DESCRIPTOR.length)];
  return descriptor(DescriptorType.hid, [...u16(0x0111), 0, ...reports]);
}
