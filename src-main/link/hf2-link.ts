import type { IoContext } from '#shared/base/clock.ts';
import { openHid } from './hid.ts';
import type { Link } from './link.ts';
import { isAt, oneAt, type UsbPlace } from './usb-place.ts';
import { type HidRaw, isHf2, listHidRaw } from './usb-drives.ts';

const REPORT = 64;
const LOOK_EVERY_MS = 50;

export const HF2_FORMS = 'hf2:<usb port>, hf2:<usb serial>';

/** Rejects with `probe-not-found`, `probe-ambiguous`, `probe-permission` or `probe-busy`. */
export async function openHf2Link(address: UsbPlace, url: string, io: IoContext, root = '/'): Promise<Link> {
  io.signal.throwIfAborted();
  const device = oneAt(address, url, await listHf2(root), ({ portPath }) => `hf2:${portPath}`);
  const { HIDAsync } = await import('node-hid');
  return openHid(() => HIDAsync.open(device.node), REPORT, url);
}

/** Waits whether such a device comes within this time. */
export async function hf2Comes(address: UsbPlace, timeoutMs: number, io: IoContext, root = '/'): Promise<boolean> {
  const until = io.clock.monotonic() + timeoutMs;
  while (io.clock.monotonic() < until) {
    if ((await listHf2(root)).some((one) => isAt(address, one))) return true;
    await io.clock.sleep(LOOK_EVERY_MS, io.signal);
  }
  return false;
}

/** UF2 boot loaders with HF2 that are plugged in. */
export async function listHf2(root = '/'): Promise<HidRaw[]> {
  return (await listHidRaw(root)).filter(isHf2);
}
