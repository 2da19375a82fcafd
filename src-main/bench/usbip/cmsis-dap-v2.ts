import { bulkPacket, type DeviceIdentity } from './descriptors.ts';
import type { PacketBuffers } from './packet-buffers.ts';
import type { UsbSpeed } from './protocol.ts';
import type { UsbDescription, UsbFunction } from './usb-device.ts';
import { MS_OS_DESCRIPTOR_INDEX, MS_OS_REQUEST, winUsbBos, winUsbDescriptorSet } from './winusb.ts';

const OUT = 1;
const IN = 2;
const VENDOR_CLASS = 0xff;
const VENDOR_REQUEST_IN = 0xc0;

/** One interface of the vendor class whose name has "CMSIS-DAP" in it, bulk OUT before bulk IN (CMSIS-DAP 2.1). */
export function describeV2(identity: DeviceIdentity, speed: UsbSpeed): UsbDescription {
  const endpoint = { transfer: 'bulk', maxPacket: bulkPacket(speed), interval: 0 } as const;
  return {
    speed,
    identity,
    bos: winUsbBos(),
    interfaces: [
      {
        classCode: VENDOR_CLASS,
        subclass: 0,
        protocol: 0,
        name: 'Flashline bench CMSIS-DAP v2',
        classDescriptors: new Uint8Array(),
        endpoints: [
          { number: OUT, direction: 'out', ...endpoint },
          { number: IN, direction: 'in', ...endpoint },
        ],
      },
    ],
  };
}

/** CMSIS-DAP v2: a transaction is a packet. One that finds no buffer waits on the wire: the endpoint says NAK. */
export function cmsisDapV2(description: UsbDescription, buffers: PacketBuffers): UsbFunction {
  return {
    description,
    control: ({ type, request, index }) =>
      type === VENDOR_REQUEST_IN && request === MS_OS_REQUEST && index === MS_OS_DESCRIPTOR_INDEX
        ? winUsbDescriptorSet()
        : undefined,
    write: (_endpoint, packet) => {
      if (buffers.full) return false;
      // An empty transaction is no command.
      if (packet.length > 0) buffers.put(packet);
      return true;
    },
    read: () => buffers.take(),
    reset: () => buffers.clear(),
  };
}
