import { describe, expect, it } from 'vitest';
import { type AttachedDevice, probesAmong } from '#main/link/usb-bindings.ts';
import { asUsbProbes } from '#main/link/usb-probe.ts';

const DEVICE: AttachedDevice = {
  vendorId: 0xd28,
  productId: 0x204,
  bus: '1',
  address: 6,
  ports: [2, 3],
  manufacturerName: 'Arm',
  productName: 'DAPLink CMSIS-DAP',
  serialNumber: '0240',
  configuration: {
    interfaces: [
      { interfaceNumber: 0, alternate: { interfaceClass: 8, endpoints: [] } },
      {
        interfaceNumber: 4,
        alternate: {
          interfaceClass: 0xff,
          interfaceName: 'CMSIS-DAP v2',
          endpoints: [
            { endpointNumber: 5, direction: 'out', type: 'bulk', packetSize: 512 },
            { endpointNumber: 6, direction: 'in', type: 'bulk', packetSize: 512 },
            { endpointNumber: 7, direction: 'in', type: 'bulk', packetSize: 512 },
          ],
        },
      },
    ],
  },
};
const HID = {
  vendorId: 0xd28,
  productId: 0x204,
  path: '\\\\?\\hid#1',
  product: 'DAPLink CMSIS-DAP',
  serialNumber: '0240',
};

/** A getter that the system refuses, as the bindings have them. */
function refusing(device: AttachedDevice): AttachedDevice {
  return Object.defineProperty({ ...device }, 'configuration', {
    get: () => {
      throw new Error('configuration error: open error');
    },
  });
}

describe('probes where only the bindings know the bus', () => {
  it('are one entry with both interfaces', () => {
    expect(asUsbProbes(probesAmong([DEVICE], [HID]))).toEqual([
      {
        url: 'cmsis-dap:0240',
        vendorId: '0d28',
        productId: '0204',
        serial: '0240',
        product: 'DAPLink CMSIS-DAP',
        manufacturer: 'Arm',
        portPath: '1-2.3',
        device: '1:6',
        interface: 'bulk',
        access: 'ok',
        bulk: { interfaceNumber: 4, in: 6, out: 5, packetSize: 512, access: 'ok' },
        hid: { path: HID.path, reportBytes: 64, access: 'ok' },
      },
    ]);
  });

  it('are v1 where only HID can be opened, and denied where nothing can', () => {
    expect(asUsbProbes(probesAmong([refusing(DEVICE)], [HID]))).toMatchObject([{ interface: 'hid', access: 'ok' }]);
    expect(asUsbProbes(probesAmong([refusing(DEVICE)], []))).toMatchObject([{ interface: 'bulk', access: 'denied' }]);
  });

  it('are none of the other devices', () => {
    const mouse = { ...DEVICE, productName: 'Mouse', serialNumber: null, configuration: { interfaces: [] } };
    expect(probesAmong([mouse, refusing(mouse)], [{ ...HID, product: 'Mouse' }])).toEqual([]);
  });

  it('are twins told apart by their ports', () => {
    const twins = probesAmong([DEVICE, { ...DEVICE, address: 7, ports: [2, 4] }], []);
    expect(asUsbProbes(twins).map(({ url }) => url)).toEqual(['cmsis-dap:@1-2.3', 'cmsis-dap:@1-2.4']);
  });
});
