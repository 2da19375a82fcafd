import { descriptor, DescriptorType, type DeviceIdentity, u16 } from './descriptors.ts';
import type { PacketBuffers } from './packet-buffers.ts';
import type { Setup, UsbDescription, UsbFunction } from './usb-device.ts';

const HID_CLASS = 3;
const OUT = 1;
const IN = 1;
/** Every report has the same size, whatever the packet in it. */
const REPORT = 64;
/** Full speed: every frame, 1 ms. */
const INTERVAL = 1;

/** Class requests (HID 1.11, 7.2). */
const GET_REPORT = 1;
const SET_REPORT = 9;
const SET_IDLE = 0x0a;
const GET_DESCRIPTOR = 6;

/** Items of a report descriptor (HID 1.11, 6.2.2): a usage page of the vendor's, 64 bytes in, 64 bytes out, no ids. */
// prettier-ignore
const REPORT_DESCRIPTOR = Uint8Array.of(
  0x06, 0x00, 0xff, // usage page FF00
  0x09, 0x01, //       usage 1
  0xa1, 0x01, //       collection: application
  0x15, 0x00, //         logical minimum 0
  0x26, 0xff, 0x00, //   logical maximum 255
  0x75, 0x08, //         report size 8 bits
  0x95, REPORT, //       report count
  0x09, 0x01, //         usage 1
  0x81, 0x02, //         input: data, variable, absolute
  0x95, REPORT, //       report count
  0x09, 0x01, //         usage 1
  0x91, 0x02, //         output: data, variable, absolute
  0xc0, //             end of collection
);

/** A HID device whose product name has "CMSIS-DAP" in it. */
export function describeV1(identity: DeviceIdentity): UsbDescription {
  const endpoint = { transfer: 'interrupt', maxPacket: REPORT, interval: INTERVAL } as const;
  return {
    speed: 'full',
    identity,
    interfaces: [
      {
        classCode: HID_CLASS,
        subclass: 0,
        protocol: 0,
        name: 'Flashline bench CMSIS-DAP v1',
        classDescriptors: hidDescriptor(),
        endpoints: [
          { number: IN, direction: 'in', ...endpoint },
          { number: OUT, direction: 'out', ...endpoint },
        ],
      },
    ],
  };
}

/** CMSIS-DAP v1: a report always goes through, so that a packet that finds no buffer is lost. */
export function cmsisDapV1(description: UsbDescription, buffers: PacketBuffers): UsbFunction {
  return {
    description,
    control: (setup, data) => {
      if (setup.request === SET_REPORT) buffers.put(data.subarray(0, REPORT));
      return answer(setup);
    },
    write: (_endpoint, packet) => {
      buffers.put(packet);
      return true;
    },
    read: () => {
      const response = buffers.take();
      if (!response) return undefined;
      const report = new Uint8Array(REPORT);
      report.set(response.subarray(0, REPORT));
      return report;
    },
    reset: () => buffers.clear(),
  };
}

function answer({ request, value }: Setup): Uint8Array | undefined {
  if (request === GET_DESCRIPTOR && value >>> 8 === DescriptorType.hidReport) return REPORT_DESCRIPTOR;
  if (request === GET_DESCRIPTOR && value >>> 8 === DescriptorType.hid) return hidDescriptor();
  if (request === GET_REPORT) return new Uint8Array(REPORT);
  return request === SET_IDLE || request === SET_REPORT ? new Uint8Array() : undefined;
}

/** HID 1.11, no country, one report descriptor (6.2.1). */
function hidDescriptor(): Uint8Array {
  const reports = [1, DescriptorType.hidReport, ...u16(REPORT_DESCRIPTOR.length)];
  return descriptor(DescriptorType.hid, [...u16(0x0111), 0, ...reports]);
}
