/**
 * What makes Windows bind its WinUSB driver without a driver file: a platform capability in the BOS descriptor (USB 3.2,
 * 9.6.2) that names a vendor request, by which the Microsoft OS 2.0 descriptor set is read. Lengths and types as in
 * "Microsoft OS 2.0 Descriptors Specification".
 */
import { DescriptorType, descriptor, u16, utf16 } from './descriptors.ts';

/** bRequest of the vendor request; wIndex 7 asks for the set. */
export const MS_OS_REQUEST = 0x20;
export const MS_OS_DESCRIPTOR_INDEX = 7;

const DEVICE_CAPABILITY = 0x10;
const PLATFORM = 5;
/** {D8DD60DF-4589-4CC7-9CD2-659D9E648A9F}, the first three fields little endian. */
const MS_OS_20_PLATFORM = [
  0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c, 0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f,
];
const WINDOWS_8_1 = [0x00, 0x00, 0x03, 0x06];

const SET_HEADER = 0;
const COMPATIBLE_ID = 3;
const REGISTRY_PROPERTY = 4;
const REG_MULTI_SZ = 7;
/** The interface GUID that CMSIS-DAP v2 probes share, so that one search on Windows finds them all. */
const CMSIS_DAP_GUID = '{CDB3B5AD-293B-4663-AA36-1AAE46463776}';

export function winUsbBos(): Uint8Array {
  const set = winUsbDescriptorSet();
  const platform = [PLATFORM, 0, ...MS_OS_20_PLATFORM, ...WINDOWS_8_1, ...u16(set.length), MS_OS_REQUEST, 0];
  const capability = descriptor(DEVICE_CAPABILITY, platform);
  return Uint8Array.from([...descriptor(DescriptorType.bos, [...u16(5 + capability.length), 1]), ...capability]);
}

export function winUsbDescriptorSet(): Uint8Array {
  const features = [
    ...feature(COMPATIBLE_ID, [...ascii('WINUSB'), 0, 0, ...ascii('\0'.repeat(8))]),
    ...interfaceGuids(),
  ];
  return Uint8Array.from([...u16(10), ...u16(SET_HEADER), ...WINDOWS_8_1, ...u16(10 + features.length), ...features]);
}

function interfaceGuids(): number[] {
  const name = utf16('DeviceInterfaceGUIDs\0');
  const value = utf16(`${CMSIS_DAP_GUID}\0\0`);
  return feature(REGISTRY_PROPERTY, [
    ...u16(REG_MULTI_SZ),
    ...u16(name.length),
    ...name,
    ...u16(value.length),
    ...value,
  ]);
}

/** `length16 type16 body`: these are no ordinary descriptors. */
function feature(type: number, body: readonly number[]): number[] {
  return [...u16(4 + body.length), ...u16(type), ...body];
}

function ascii(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
