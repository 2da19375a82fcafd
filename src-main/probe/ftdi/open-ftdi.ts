import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort } from '../debug-port.ts';
import type { I2cPort } from '../i2c-port.ts';
import type { JtagPort } from '../jtag-port.ts';
import { RawDebugPort } from '../jtag/raw-debug-port.ts';
import type { SpiPort } from '../spi-port.ts';
import { FtdiI2c } from './ftdi-i2c.ts';
import { FtdiJtag } from './ftdi-jtag.ts';
import { FtdiSpi } from './ftdi-spi.ts';
import { type LayoutName, LAYOUTS } from './layouts.ts';
import { type FtdiChannel, type FtdiUsb, Mpsse } from './mpsse.ts';

export type FtdiModel = 'FT232H' | 'FT2232H' | 'FT4232H';
export type ChannelName = 'A' | 'B';

/** Vendor 0403; FTDI's own product ids, and how many channels have an MPSSE. */
export const FTDI_MODELS: Readonly<Record<string, { readonly model: FtdiModel; readonly mpsse: 1 | 2 }>> = {
  '6010': { model: 'FT2232H', mpsse: 2 },
  '6011': { model: 'FT4232H', mpsse: 2 },
  '6014': { model: 'FT232H', mpsse: 1 },
};

const HIGH_SPEED_PACKET = 512;

export interface FtdiAdapter {
  readonly usb: FtdiUsb;
  readonly model: FtdiModel;
  readonly channel: ChannelName;
  readonly layout: LayoutName;
  readonly description: ReturnType<DebugPort['describe']>;
}

export async function openFtdiJtag(adapter: FtdiAdapter, io: IoContext): Promise<JtagPort> {
  return new FtdiJtag(await open(adapter, io), LAYOUTS[adapter.layout]);
}

/** A debug port behind the JTAG pins. */
export async function openFtdi(adapter: FtdiAdapter, io: IoContext): Promise<DebugPort> {
  const { usb, description } = adapter;
  return new RawDebugPort(await openFtdiJtag(adapter, io), { url: usb.url, description });
}

export async function openFtdiSpi(adapter: FtdiAdapter, io: IoContext): Promise<SpiPort> {
  return new FtdiSpi(await open(adapter, io), LAYOUTS[adapter.layout]);
}

export async function openFtdiI2c(adapter: FtdiAdapter, io: IoContext): Promise<I2cPort> {
  const { model, description } = adapter;
  return new FtdiI2c(await open(adapter, io), { description, openDrain: model === 'FT232H' });
}

function open({ usb, model, channel }: FtdiAdapter, io: IoContext): Promise<Mpsse> {
  return Mpsse.open(usb, channelOf(usb, model, channel), io);
}

/** Throws `probe-unsuited`. */
function channelOf({ url }: FtdiUsb, model: FtdiModel, name: ChannelName): FtdiChannel {
  if (name === 'B' && model === 'FT232H') {
    throw new FlashlineError('probe-unsuited', { params: { url, detail: 'an FT232H has only channel A' } });
  }
  const interfaceNumber = name === 'A' ? 0 : 1;
  return { interfaceNumber, in: 2 * interfaceNumber + 1, out: 2 * interfaceNumber + 2, packetSize: HIGH_SPEED_PACKET };
}
