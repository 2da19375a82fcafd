import type { Bench } from '../bench.ts';
import type { Faults } from '../faults.ts';
import { PROBES, type ProbeName } from '../probe-profile.ts';
import { cmsisDapV1, describeV1 } from './cmsis-dap-v1.ts';
import { cmsisDapV2, describeV2 } from './cmsis-dap-v2.ts';
import { PacketBuffers } from './packet-buffers.ts';
import { type UsbDescription, UsbDevice } from './usb-device.ts';
import type { PluggedDevice, UsbipDevice } from './usbip-device.ts';

export interface UsbProbeOptions {
  readonly bench: Bench;
  readonly chip: string;
  /** The unit on the probe, by its serial. */
  readonly unit: string;
  readonly probe: ProbeName;
  /** Two probes may well have the same. */
  readonly probeSerial: string;
  /** They count from each time that the probe is plugged in. */
  readonly faults?: Faults;
  readonly realMs: () => number;
}

/** pid.codes' ids for private testing: no real probe has them. */
const VENDOR = 0x1209;
const PRODUCT = 0x0001;
const RELEASE = 0x0100;

export function describeProbe({ probe, probeSerial }: UsbProbeOptions): UsbDescription {
  const identity = {
    vendorId: VENDOR,
    productId: PRODUCT,
    release: RELEASE,
    manufacturer: 'Flashline',
    product: PROBES[probe].product,
    serial: probeSerial,
  };
  return probe.startsWith('hid')
    ? describeV1(identity)
    : describeV2(identity, probe === 'high-speed' ? 'high' : 'full');
}

/** A probe that can be plugged into a USB host, again and again. */
export function usbProbe(options: UsbProbeOptions): UsbipDevice {
  return { describe: () => describeProbe(options), plugIn: (unplug) => plugInProbe(options, unplug) };
}

/** Plugs it in: the probe starts anew and the board's power comes up. `unplug` is called when a fault pulls it out. */
export function plugInProbe(options: UsbProbeOptions, unplug: () => void): PluggedDevice {
  const { bench, chip, unit, probe, probeSerial, realMs } = options;
  const { profile, board, device, host, faults } = bench.plugIn(chip, unit, options.faults, probe, probeSerial);
  const buffers = new PacketBuffers({
    device,
    clock: board.clock,
    count: profile.packetCount,
    faults,
    cutPower: (at) => host.cutPower(at),
    realMs,
    unplug,
  });
  const description = describeProbe(options);
  const does = probe.startsWith('hid') ? cmsisDapV1(description, buffers) : cmsisDapV2(description, buffers);
  return { device: new UsbDevice(does), counts: () => buffers.counts };
}
