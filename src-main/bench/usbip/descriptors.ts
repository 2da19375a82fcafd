/** USB descriptors as bytes (USB 2.0 specification, chapter 9.6; little endian), each made from what matters about it. */
import { concat } from '#shared/base/bytes.ts';
import type { InterfaceClass, UsbSpeed } from './protocol.ts';

export const DescriptorType = {
  device: 1,
  configuration: 2,
  string: 3,
  interface: 4,
  endpoint: 5,
  deviceQualifier: 6,
  bos: 0x0f,
  hid: 0x21,
  hidReport: 0x22,
} as const;

export interface DeviceIdentity {
  readonly vendorId: number;
  readonly productId: number;
  /** bcdDevice: 0x0100 is 1.00. */
  readonly release: number;
  readonly manufacturer: string;
  readonly product: string;
  readonly serial: string;
}

export interface UsbEndpoint {
  readonly number: number;
  readonly direction: 'in' | 'out';
  readonly transfer: 'bulk' | 'interrupt';
  readonly maxPacket: number;
  /** Frames or, at high speed, 2^(interval-1) microframes; bulk has none. */
  readonly interval: number;
}

/** One interface of a device, or one alternate setting of it. */
export interface UsbInterface extends InterfaceClass {
  /** bInterfaceNumber and bAlternateSetting; 0 when left out. */
  readonly number?: number;
  readonly alternate?: number;
  readonly name: string;
  /** Descriptors of its class, between the interface's and the endpoints'. */
  readonly classDescriptors: Uint8Array;
  readonly endpoints: readonly UsbEndpoint[];
}

const TRANSFER_TYPES = { bulk: 2, interrupt: 3 } as const;
const CONTROL_PACKET = 64;
/** bMaxPower in units of 2 mA. */
const MAX_POWER = 50;
const BUS_POWERED = 0x80;
/** Which index each string has; the interfaces' follow one another from theirs on. */
export const StringIndex = { manufacturer: 1, product: 2, serial: 3, interfaces: 4 } as const;
const ENGLISH = 0x0409;
const LONGEST_STRING = 126;

/** 2.01 announces that there is a BOS descriptor (USB 3.2, 9.6.1). */
export function deviceDescriptor({ vendorId, productId, release }: DeviceIdentity, hasBos: boolean): Uint8Array {
  const { manufacturer, product, serial } = StringIndex;
  const head = [...u16(hasBos ? 0x0201 : 0x0200), 0, 0, 0, CONTROL_PACKET];
  const ids = [vendorId, productId, release].flatMap(u16);
  return descriptor(DescriptorType.device, head.concat(ids, manufacturer, product, serial, 1));
}

/** What a device that can do high speed tells of itself at full speed (9.6.2). */
export function qualifierDescriptor(hasBos: boolean): Uint8Array {
  const version = u16(hasBos ? 0x0201 : 0x0200);
  return descriptor(DescriptorType.deviceQualifier, [...version, 0, 0, 0, CONTROL_PACKET, 1, 0]);
}

export function configurationDescriptor(interfaces: readonly UsbInterface[]): Uint8Array {
  const body = concat(interfaces.map((one, index) => interfaceDescriptor(one, StringIndex.interfaces + index)));
  const count = new Set(interfaces.map(({ number = 0 }) => number)).size;
  const head = [...u16(9 + body.length), count, 1, 0, BUS_POWERED, MAX_POWER];
  return concat([descriptor(DescriptorType.configuration, head), body]);
}

function interfaceDescriptor(of: UsbInterface, name: number): Uint8Array {
  const { number = 0, alternate = 0, classCode, subclass, protocol, endpoints } = of;
  const head = [number, alternate, endpoints.length, classCode, subclass, protocol, name];
  return concat([
    descriptor(DescriptorType.interface, head),
    of.classDescriptors,
    ...endpoints.map(endpointDescriptor),
  ]);
}

function endpointDescriptor({ number, direction, transfer, maxPacket, interval }: UsbEndpoint): Uint8Array {
  const address = number | (direction === 'in' ? 0x80 : 0);
  return descriptor(DescriptorType.endpoint, [address, TRANSFER_TYPES[transfer], ...u16(maxPacket), interval]);
}

/** String 0: the languages that the others come in. */
export function languagesDescriptor(): Uint8Array {
  return descriptor(DescriptorType.string, u16(ENGLISH));
}

/** UTF-16; what does not fit the length byte is cut off. */
export function stringDescriptor(text: string): Uint8Array {
  return descriptor(DescriptorType.string, utf16(text.slice(0, LONGEST_STRING)));
}

/** `length type body`. */
export function descriptor(type: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([body.length + 2, type, ...body]);
}

export function u16(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

export function utf16(text: string): number[] {
  return Array.from({ length: text.length }, (_, at) => u16(text.charCodeAt(at))).flat();
}

/** Bytes a transaction of an endpoint carries at most (5.8.3, 5.7.3). */
export function bulkPacket(speed: UsbSpeed): number {
  return speed === 'high' ? 512 : 64;
}
