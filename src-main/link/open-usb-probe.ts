import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { CmsisDapAddress } from './cmsis-dap-address.ts';
import { openHid } from './hid.ts';
import type { Link } from './link.ts';
import { openInTime } from './open-in-time.ts';
import { type BulkDevice, openUsbBulk } from './usb-bulk.ts';
import { deviceName } from './usb-devices.ts';
import { findUsbProbe, type UsbProbe } from './usb-probe.ts';
import { listUsbProbes, type UsbProbesOptions } from './usb-probes.ts';

/**
 * Finds the probe that is at this address now and opens it, v2 before v1. Rejects with `probe-not-found`,
 * `probe-ambiguous`, `probe-permission`, `probe-busy`, `probe-unsuited` or `probe-silent`.
 */
export async function openUsbProbe(
  address: CmsisDapAddress,
  url: string,
  options: UsbProbesOptions,
  io: IoContext,
): Promise<Link> {
  io.signal.throwIfAborted();
  const probe = findUsbProbe(address, url, await listUsbProbes(options));
  if (probe.access === 'denied') throw new FlashlineError('probe-permission', { params: { url } });
  if (probe.access === 'busy') throw new FlashlineError('probe-busy', { params: { url } });
  const open = await openerOf(probe, url);
  return openInTime(open(), url, io);
}

/** Loads the native binding, on demand as every one of them; a slow disk has no part in the deadline of opening. */
async function openerOf(probe: UsbProbe, url: string): Promise<() => Promise<Link>> {
  const { bulk, hid } = probe;
  if (probe.interface === 'bulk' && bulk) {
    const { usb } = await import('usb');
    return async () => openUsbBulk(deviceAmong(await usb.getDevices(), probe, url), bulk, url);
  }
  const path = hid?.path;
  if (!hid || !path) throw new FlashlineError('probe-busy', { params: { url } });
  const { HIDAsync } = await import('node-hid');
  return () => openHid(() => HIDAsync.open(path), hid.reportBytes, url);
}

/** The library's own handle of the very device that was found, not of another at the same port by now. */
function deviceAmong<D extends BulkDevice & { readonly bus: string; readonly address: number }>(
  devices: readonly D[],
  probe: UsbProbe,
  url: string,
): D {
  const found = devices.find(({ bus, address }) => deviceName(bus, address) === probe.device);
  if (found) return found;
  throw new FlashlineError('probe-not-found', { params: { url } });
}
