import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { openHid } from './hid.ts';
import type { Link } from './link.ts';
import { type HidRaw, isHf2, listHidRaw } from './usb-drives.ts';

const REPORT = 64;
const LOOK_EVERY_MS = 50;

/** A UF2 boot loader's HID interface: by the USB port that it is at, or by the device's serial number. */
export type Hf2Address = { readonly portPath: string } | { readonly serial: string };

export const HF2_FORMS = 'hf2:<usb port>, hf2:<usb serial>';

/** Undefined where there is nothing in it. */
export function parseHf2Address(text: string): Hf2Address | undefined {
  if (/^\d+-\d+(?:\.\d+)*$/u.test(text)) return { portPath: text };
  return /^[^\s/:]+$/u.test(text) ? { serial: text } : undefined;
}

/** Rejects with `probe-not-found`, `probe-ambiguous`, `probe-permission` or `probe-busy`. */
export async function openHf2Link(address: Hf2Address, url: string, io: IoContext, root = '/'): Promise<Link> {
  io.signal.throwIfAborted();
  const found = await hf2At(address, root);
  const [device] = found;
  if (!device) throw new FlashlineError('probe-not-found', { params: { url } });
  if (found.length > 1) {
    const candidates = found.map(({ portPath }) => `hf2:${portPath}`).join(', ');
    throw new FlashlineError('probe-ambiguous', { params: { url, candidates } });
  }
  const { HIDAsync } = await import('node-hid');
  return openHid(() => HIDAsync.open(device.node), REPORT, url);
}

/** Waits whether such a device comes within this time. */
export async function hf2Comes(address: Hf2Address, timeoutMs: number, io: IoContext, root = '/'): Promise<boolean> {
  const until = io.clock.monotonic() + timeoutMs;
  while (io.clock.monotonic() < until) {
    if ((await hf2At(address, root)).length > 0) return true;
    await io.clock.sleep(LOOK_EVERY_MS, io.signal);
  }
  return false;
}

async function hf2At(address: Hf2Address, root: string): Promise<HidRaw[]> {
  const all = (await listHidRaw(root)).filter(isHf2);
  return all.filter((device) =>
    'portPath' in address ? device.portPath === address.portPath : device.serial === address.serial,
  );
}
