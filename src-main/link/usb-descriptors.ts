import type { BulkEndpoints } from './usb-bulk.ts';

/** Descriptor types (USB 2.0, table 9-5). */
const CONFIGURATION = 2;
const INTERFACE = 4;
const ENDPOINT = 5;
/** bmAttributes of an endpoint: its transfer type (USB 2.0, table 9-13). */
const TRANSFER_TYPE = 0x03;
const BULK = 0x02;
const TRANSFERS = ['control', 'isochronous', 'bulk', 'interrupt'] as const;
const DIRECTION_IN = 0x80;
const ENDPOINT_NUMBER = 0x0f;
/** wMaxPacketSize without the bits of high-bandwidth transfers. */
const PACKET_SIZE = 0x07ff;

/**
 * The first bulk OUT and the first bulk IN endpoint of an interface's first setting, in the order of the descriptors:
 * a CMSIS-DAP v2 probe's command endpoints come first, a second IN carries SWO. `descriptors` holds the device's and
 * its configurations' descriptors, one after another.
 */
export function bulkEndpoints(
  descriptors: Uint8Array,
  configuration: number,
  interfaceNumber: number,
): BulkEndpoints | undefined {
  let wanted = false;
  let inConfiguration = false;
  let input: { readonly number: number; readonly packetSize: number } | undefined;
  let output: number | undefined;
  for (const item of descriptorsIn(descriptors)) {
    const type = item[1];
    if (type === CONFIGURATION) inConfiguration = item[5] === configuration;
    if (type === INTERFACE) wanted = inConfiguration && item[2] === interfaceNumber && item[3] === 0;
    if (type !== ENDPOINT || !wanted || ((item[3] ?? 0) & TRANSFER_TYPE) !== BULK) continue;
    const address = item[2] ?? 0;
    const number = address & ENDPOINT_NUMBER;
    const packetSize = ((item[4] ?? 0) | ((item[5] ?? 0) << 8)) & PACKET_SIZE;
    if (address >= DIRECTION_IN) input ??= { number, packetSize };
    else output ??= number;
  }
  if (!input || output === undefined || input.packetSize === 0) return undefined;
  return { interfaceNumber, in: input.number, out: output, packetSize: input.packetSize };
}

/** One alternate setting of one interface. */
export interface UsbSetting {
  readonly number: number;
  readonly alternate: number;
  readonly class: number;
  readonly subclass: number;
  readonly protocol: number;
  /** Of its name among the device's strings; 0 is none. */
  readonly nameIndex: number;
  readonly endpoints: readonly UsbEndpointInfo[];
  /** Descriptors of its class, as they stand between the interface's and the endpoints', whole. */
  readonly extra: readonly Uint8Array[];
}

export interface UsbEndpointInfo {
  readonly number: number;
  readonly direction: 'in' | 'out';
  readonly transfer: 'control' | 'isochronous' | 'bulk' | 'interrupt';
  readonly packetSize: number;
}

/** All settings of one configuration's interfaces, in the order of the descriptors. */
export function usbSettings(descriptors: Uint8Array, configuration: number): UsbSetting[] {
  const settings: { setting: UsbSetting; endpoints: UsbEndpointInfo[]; extra: Uint8Array[] }[] = [];
  let inConfiguration = false;
  let current: (typeof settings)[number] | undefined;
  for (const item of descriptorsIn(descriptors)) {
    const [, type, at2 = 0, at3 = 0, at4 = 0, at5 = 0, at6 = 0, at7 = 0, at8 = 0] = item;
    if (type === CONFIGURATION) {
      inConfiguration = at5 === configuration;
      current = undefined;
    }
    if (!inConfiguration || type === CONFIGURATION) continue;
    if (type === INTERFACE) {
      const [endpoints, extra]: [UsbEndpointInfo[], Uint8Array[]] = [[], []];
      const kind = { class: at5, subclass: at6, protocol: at7, nameIndex: at8 };
      current = { setting: { number: at2, alternate: at3, ...kind, endpoints, extra }, endpoints, extra };
      settings.push(current);
    } else if (type === ENDPOINT) {
      const transfer = TRANSFERS[at3 & TRANSFER_TYPE] ?? 'control';
      const direction = at2 >= DIRECTION_IN ? 'in' : 'out';
      const packetSize = (at4 | (at5 << 8)) & PACKET_SIZE;
      current?.endpoints.push({ number: at2 & ENDPOINT_NUMBER, direction, transfer, packetSize });
    } else current?.extra.push(item);
  }
  return settings.map(({ setting }) => setting);
}

/** Each begins with its length; one that is cut short or claims no length ends the walk. */
function* descriptorsIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + 2 <= bytes.length;) {
    const length = bytes[at] ?? 0;
    if (length < 2 || at + length > bytes.length) return;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}
