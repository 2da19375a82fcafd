import type { FtdiChip } from '../ftdi/ftdi-chip.ts';
import { FTDI_PACKET } from '../ftdi/ftdi-chip.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { type UsbDescription, UsbDevice, type UsbFunction } from './usb-device.ts';
import type { PluggedDevice, UsbipDevice } from './usbip-device.ts';

/** FTDI's own ids and release of an FT2232H: foreign drivers go by them. */
const FTDI = { vendorId: 0x0403, productId: 0x6010, release: 0x0700 } as const;
/** Real time that passes for the board between two packets, at most. */
const MOST_IDLE_NS = 100_000_000;

export interface UsbFtdiOptions {
  readonly serial: string;
  /** The board on channel A, as it is plugged in anew; channel B has nothing on it. */
  readonly plugIn: () => { readonly chip: FtdiChip; readonly clock: VirtualClock };
  readonly realMs: () => number;
}

/** A simulated FT2232H for a USB host. */
export function usbFtdi(options: UsbFtdiOptions): UsbipDevice {
  return { describe: () => describeFtdi(options.serial), plugIn: () => plugInFtdi(options) };
}

function describeFtdi(serial: string): UsbDescription {
  const bulk = { transfer: 'bulk', maxPacket: FTDI_PACKET, interval: 0 } as const;
  const channel = (number: number, name: string) => ({
    number,
    classCode: 0xff,
    subclass: 0xff,
    protocol: 0xff,
    name,
    classDescriptors: new Uint8Array(),
    endpoints: [
      { number: 2 * number + 1, direction: 'in', ...bulk },
      { number: 2 * number + 2, direction: 'out', ...bulk },
    ] as const,
  });
  return {
    speed: 'high',
    identity: { ...FTDI, manufacturer: 'FTDI', product: 'Dual RS232-HS', serial },
    interfaces: [channel(0, 'Dual RS232-HS A'), channel(1, 'Dual RS232-HS B')],
  };
}

function plugInFtdi({ serial, plugIn, realMs }: UsbFtdiOptions): PluggedDevice {
  const { chip, clock } = plugIn();
  const counts = { requests: 0, responses: 0, dropped: 0, requestBytes: 0, responseBytes: 0 };
  let lastMs = realMs();
  const does: UsbFunction = {
    description: describeFtdi(serial),
    // Channels are counted from 1; requests to the other one reach nothing.
    control: ({ type, request, value, index }) => {
      if ((type & 0x60) !== 0x40) return undefined;
      return (index & 0xff) <= 1 ? chip.control(request, value) : new Uint8Array(type & 0x80 ? 2 : 0);
    },
    write: (endpoint, packet) => {
      if (endpoint !== 2) return true;
      counts.requests++;
      counts.requestBytes += packet.length;
      clock.advance(Math.max(0, Math.min(Math.round((realMs() - lastMs) * 1e6), MOST_IDLE_NS)));
      chip.write(packet, clock.elapsedNs);
      clock.advanceTo(Math.round(Math.max(clock.elapsedNs, chip.mpsse.at)));
      lastMs = realMs();
      return true;
    },
    read: (endpoint) => {
      if (endpoint !== 1 || chip.pending === 0) return undefined;
      const packet = chip.packet();
      counts.responses++;
      counts.responseBytes += packet.length;
      return packet;
    },
    reset: () => void chip.control(0, 0),
  };
  return { device: new UsbDevice(does), counts: () => ({ ...counts }) };
}
