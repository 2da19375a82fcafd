import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { type UsbControl, type UsbSetup, UsbStall } from '../../link/usb-control.ts';
import { type UsbSetting, usbSettings } from '../../link/usb-descriptors.ts';
import { DFU_CLASS, type Functional, parseFunctional } from './protocol.ts';

/** One alternate setting of the DFU interface. */
export interface DfuSetting {
  readonly alternate: number;
  readonly name: string;
}

/** What a device with a DFU interface says of itself when it is asked. */
export interface DfuDescription {
  readonly vendorId: number;
  readonly productId: number;
  readonly release: number;
  readonly manufacturer: string;
  readonly product: string;
  readonly serial: string;
  readonly interfaceNumber: number;
  /** Its own firmware runs: it must be told to detach first. */
  readonly runtime: boolean;
  readonly functional: Functional;
  readonly settings: readonly DfuSetting[];
}

const REQUEST_MS = 1000;
const GET_DESCRIPTOR = 6;
const DEVICE = 1;
const CONFIGURATION = 2;
const STRING = 3;
const DEVICE_BYTES = 18;
const HEADER_BYTES = 9;
const MOST_BYTES = 4096;
const ENGLISH = 0x0409;

/**
 * Asks for descriptors and names. Rejects with `probe-unsuited` where there is no DFU interface, or none that says what
 * it can do.
 */
export async function describeDfu(usb: UsbControl, io: IoContext): Promise<DfuDescription> {
  const device = await descriptor(usb, DEVICE, 0, DEVICE_BYTES, io);
  const header = await descriptor(usb, CONFIGURATION, 0, HEADER_BYTES, io);
  const total = Math.min(MOST_BYTES, word(header, 2));
  const whole = await descriptor(usb, CONFIGURATION, 0, total, io);
  const settings = usbSettings(whole, whole[5] ?? 1).filter(isDfu);
  const [first] = settings;
  // Bootloaders put it behind each setting or behind the last one alone.
  const functional = settings
    .flatMap(({ extra }) => extra)
    .map(parseFunctional)
    .find((one) => one !== undefined);
  if (!first || !functional) {
    throw new FlashlineError('probe-unsuited', { params: { url: usb.url, detail: 'it has no DFU interface' } });
  }
  const names: DfuSetting[] = [];
  for (const { number, alternate, nameIndex } of settings) {
    if (number === first.number) names.push({ alternate, name: await text(usb, nameIndex, io) });
  }
  return {
    vendorId: word(device, 8),
    productId: word(device, 10),
    release: word(device, 12),
    manufacturer: await text(usb, device[14] ?? 0, io),
    product: await text(usb, device[15] ?? 0, io),
    serial: await text(usb, device[16] ?? 0, io),
    interfaceNumber: first.number,
    runtime: first.protocol === DFU_CLASS.runtime,
    functional,
    settings: names,
  };
}

/** Whether a listed interface's setting is DFU's, of a boot loader or of a firmware that can be left for one. */
export function isDfu(setting: Pick<UsbSetting, 'class' | 'subclass' | 'protocol'>): boolean {
  const known = setting.protocol === DFU_CLASS.loader || setting.protocol === DFU_CLASS.runtime;
  return setting.class === DFU_CLASS.class && setting.subclass === DFU_CLASS.subclass && known;
}

async function descriptor(usb: UsbControl, type: number, index: number, length: number, io: IoContext) {
  const setup: UsbSetup = {
    type: 'standard',
    recipient: 'device',
    request: GET_DESCRIPTOR,
    value: (type << 8) | index,
    index: type === STRING ? ENGLISH : 0,
  };
  return usb.controlIn(setup, length, REQUEST_MS, io);
}

/** UTF-16; empty where there is none, or the device refuses to say. */
async function text(usb: UsbControl, index: number, io: IoContext): Promise<string> {
  if (index === 0) return '';
  try {
    const bytes = await descriptor(usb, STRING, index, 255, io);
    const end = Math.min(bytes.length, bytes[0] ?? 0);
    let out = '';
    for (let at = 2; at + 1 < end; at += 2) out += String.fromCharCode(word(bytes, at));
    return out;
  } catch (error) {
    if (error instanceof UsbStall) return '';
    throw error;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}
