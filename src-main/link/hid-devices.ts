import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { IoContext } from '#shared/base/clock.ts';
import { openHid } from './hid.ts';
import type { Link } from './link.ts';
import { openInTime } from './open-in-time.ts';

/** A HID device that is plugged in now, as hidapi lists it. */
export interface ListedHid {
  readonly path: string;
  readonly serial: string | undefined;
  /** Where the system tells it: the bus and the chain of hub ports. */
  readonly portPath: string | undefined;
}

/** Of this vendor and product. `root` is where /sys is; elsewhere than on Linux nobody tells ports. */
export async function listHids(vendor: number, product: number, root = '/'): Promise<ListedHid[]> {
  // Loaded on demand, as every native binding.
  const { devicesAsync } = await import('node-hid');
  const devices = await devicesAsync(vendor, product);
  const listed = await Promise.all(
    devices.map(async ({ path, serialNumber }) =>
      path === undefined ? [] : [{ path, serial: serialNumber, portPath: await portOf(path, root) }],
    ),
  );
  return listed.flat();
}

/** Opens it for reports of this length without a number. */
export async function openHidAt({ path }: ListedHid, reportBytes: number, url: string, io: IoContext): Promise<Link> {
  io.signal.throwIfAborted();
  const { HIDAsync } = await import('node-hid');
  return openInTime(
    openHid(() => HIDAsync.open(path), reportBytes, url),
    url,
    io,
  );
}

/** `/dev/hidraw3` hangs on an interface, `1-2.3:1.2`, of the device at `1-2.3`. */
async function portOf(path: string, root: string): Promise<string | undefined> {
  const device = join(root, 'sys/class/hidraw', basename(path), 'device');
  const place = await realpath(device).catch(() => '');
  return /\/(\d+-[\d.]+):\d+\.\d+\//u.exec(place)?.[1];
}
