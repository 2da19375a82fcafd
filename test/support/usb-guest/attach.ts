/**
 * In the guest: plugs in what a USB/IP server offers. Arguments: HOST PORT BUSID HUB-PORT
 *
 * What `usbip attach` does, but at a root hub port of our choice: port N of vhci_hcd.0 is the physical path 1-(N+1).
 * Numbers as in the kernel's Documentation/usb/usbip_protocol.rst. Ends when udev has done what it does for a new device.
 */
import { existsSync, globSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { CommandInRunner } from './runner-protocol.ts';

const VERSION = 0x0111;
const REQUEST_IMPORT = 0x8003;
const BUSID_BYTES = 32;
/** Version, code and status, then the device: its paths, and at 288 of it bus, number and speed. */
const HEAD_BYTES = 8;
const REPLY_BYTES = HEAD_BYTES + 312;
const HID = '03';
const LOOK_EVERY_MS = 20;
const MOST_MS = 30_000;

export const command: CommandInRunner = async ([host = '', port, busid = '', hubPort = ''], _env, tell) => {
  const place = `/sys/bus/usb/devices/1-${Number(hubPort) + 1}`;
  try {
    // The kernel takes a moment to notice that what was there before is gone.
    await until(() => !existsSync(place), `${place} is taken`);
    const before = new Set(globSync(entryOf('*')).map(fileOf));
    await attach({ host, port: Number(port) }, busid, hubPort);
    await until(() => isSettled(place, before), `${place} did not come up`);
    return 0;
  } catch (error) {
    tell('stderr', String(error));
    return 1;
  }
};

async function attach(server: { host: string; port: number }, busid: string, hubPort: string): Promise<void> {
  const { socket, reply } = await imported(server, busid);
  const [bus, number, speed] = [288, 292, 296].map((at) => reply.readUInt32BE(HEAD_BYTES + at));
  // The kernel takes the open file: it stays connected when this process closes its own end of it.
  const fd = fdOf(socket);
  const id = ((bus ?? 0) << 16) | (number ?? 0);
  writeFileSync('/sys/devices/platform/vhci_hcd.0/attach', `${hubPort} ${fd} ${id} ${speed}`);
  socket.destroy();
}

/** Node tells it to nobody; what keeps it has kept it under this name since the beginning. */
function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number')
    return handle.fd;
  throw new Error('no file descriptor');
}

/** Resolves once the server has given the device away, and nothing after its reply was read: that is for the kernel. */
function imported(server: { host: string; port: number }, busid: string): Promise<{ socket: Socket; reply: Buffer }> {
  const request = Buffer.alloc(HEAD_BYTES + BUSID_BYTES);
  request.writeUInt16BE(VERSION, 0);
  request.writeUInt16BE(REQUEST_IMPORT, 2);
  request.write(busid, HEAD_BYTES);
  let reply = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const callback = (count: number, bytes: Uint8Array): boolean => {
      reply = Buffer.concat([reply, bytes.subarray(0, count)]);
      const status = reply.length < HEAD_BYTES ? 0 : reply.readUInt32BE(4);
      if (status !== 0) reject(new Error(`${busid} is not to be had: status ${status}`));
      if (reply.length === REPLY_BYTES) resolve({ socket, reply });
      return status === 0 && reply.length < REPLY_BYTES;
    };
    const socket = connect({ ...server, noDelay: true, onread: { buffer: Buffer.alloc(REPLY_BYTES), callback } });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server has closed')));
    socket.write(request);
  });
}

/**
 * Whether udev has given the device's nodes their rights, after which it writes an entry for each. A node's number may be that of
 * one which has just gone and whose entry still stands: a new entry is a new file.
 */
function isSettled(place: string, before: ReadonlySet<number | undefined>): boolean {
  const found = nodes(place).map((node) => fileOf(entryOf(node)));
  return found.length > 0 && found.every((file) => file !== undefined && !before.has(file));
}

/** udev's entry of a character device, by its major:minor. */
function entryOf(node: string): string {
  return `/run/udev/data/c${node}`;
}

/** Which file it is; undefined when there is none, or none any more. */
function fileOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

async function until(isDone: () => boolean, otherwise: string): Promise<void> {
  for (let waited = 0; !isDone(); waited += LOOK_EVERY_MS) {
    if (waited >= MOST_MS) throw new Error(otherwise);
    await wait(LOOK_EVERY_MS);
  }
}

/** The device's nodes, as major:minor; none as long as one of them is to come. */
function nodes(place: string): string[] {
  const kind = `${place}:1.0/bInterfaceClass`;
  if (!existsSync(kind)) return [];
  const hidraw = globSync(`${place}:1.0/*/hidraw/*/dev`);
  // A driver of the kernel's for this very device offers no such node.
  const isOwn = (driver: string) => !realpathSync(driver).endsWith('/hid-generic');
  const own = globSync(`${place}:1.0/*/driver`).some(isOwn);
  if (read(kind) === HID && hidraw.length === 0 && !own) return [];
  return [`${place}/dev`, ...hidraw].map(read);
}

function read(path: string): string {
  return readFileSync(path, 'utf8').trim();
}
