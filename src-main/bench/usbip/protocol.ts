/**
 * USB/IP, protocol version 1.1.1: bytes to messages and back, nothing else (Linux: Documentation/usb/usbip_protocol.rst).
 * Everything is big endian but the setup packet, which is as USB has it.
 */

const VERSION = 0x0111;
const OP_REQ_DEVLIST = 0x8005;
const OP_REP_DEVLIST = 0x0005;
const OP_REQ_IMPORT = 0x8003;
const OP_REP_IMPORT = 0x0003;
const CMD_SUBMIT = 1;
const CMD_UNLINK = 2;
const RET_SUBMIT = 3;
const RET_UNLINK = 4;

const OP_HEADER = 8;
const BUSID = 32;
const PATH = 256;
/** path 256, busid 32, bus, device and speed of 4 each, vendor, product and release of 2 each, six single bytes. */
const DEVICE = 312;
const URB_HEADER = 48;
/** Linux splits what is longer; a length beyond it is nonsense, or somebody who wants our memory. */
export const LONGEST_TRANSFER = 1 << 20;
const DIRECTION_IN = 1;
/** No isochronous packets: Linux writes 0 or, as the document asks, all ones. */
const NO_PACKETS: ReadonlySet<number> = new Set([0, 0xffffffff]);

/** What the first messages of a connection can be. */
export type Operation = { readonly kind: 'devlist' } | { readonly kind: 'import'; readonly busid: string };

/** `setup` counts on endpoint 0 only; `data` is what goes out, `length` what may come in. */
export interface Submit {
  readonly kind: 'submit';
  readonly seqnum: number;
  readonly endpoint: number;
  readonly direction: 'in' | 'out';
  readonly length: number;
  readonly setup: Uint8Array;
  readonly data: Uint8Array;
}

/** Takes the submit with the sequence number `victim` back. */
export interface Unlink {
  readonly kind: 'unlink';
  readonly seqnum: number;
  readonly victim: number;
}

export type Command = Submit | Unlink;

/** As the kernel knows a device before it has asked for descriptors. */
export interface ExportedDevice {
  readonly busid: string;
  readonly busNumber: number;
  readonly deviceNumber: number;
  readonly speed: UsbSpeed;
  readonly vendorId: number;
  readonly productId: number;
  /** bcdDevice: 0x0100 is 1.00. */
  readonly release: number;
  readonly interfaces: readonly InterfaceClass[];
}

export interface InterfaceClass {
  readonly classCode: number;
  readonly subclass: number;
  readonly protocol: number;
}

export type UsbSpeed = 'full' | 'high';
/** enum usb_device_speed. */
const SPEED_CODES: Readonly<Record<UsbSpeed, number>> = { full: 2, high: 3 };

/** URB statuses are negative errno values. */
export const Status = { ok: 0, stall: -32, overflow: -75, unlinked: -104 } as const;
export type UrbStatus = (typeof Status)[keyof typeof Status];

/** The other end does not speak USB/IP as we do; the connection is over, and nothing else. */
export class UsbipFormatError extends Error {}

/** Cuts a connection's bytes into messages, whatever pieces they come in (`usbip` writes one request in two). */
export class UsbipReader {
  #bytes = new Uint8Array();

  push(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
  }

  /** The next request before an import; undefined until it is whole. Throws UsbipFormatError. */
  operation(): Operation | undefined {
    if (this.#bytes.length < OP_HEADER) return undefined;
    const view = viewOf(this.#bytes);
    const version = view.getUint16(0);
    const code = view.getUint16(2);
    if (version !== VERSION) throw new UsbipFormatError(`version ${version.toString(16)}`);
    if (code === OP_REQ_DEVLIST) {
      this.#take(OP_HEADER);
      return { kind: 'devlist' };
    }
    if (code !== OP_REQ_IMPORT) throw new UsbipFormatError(`operation ${code.toString(16)}`);
    if (this.#bytes.length < OP_HEADER + BUSID) return undefined;
    return { kind: 'import', busid: textOf(this.#take(OP_HEADER + BUSID).subarray(OP_HEADER)) };
  }

  /** The next request after an import; undefined until it is whole. Throws UsbipFormatError. */
  command(): Command | undefined {
    if (this.#bytes.length < URB_HEADER) return undefined;
    const view = viewOf(this.#bytes);
    const kind = view.getUint32(0);
    if (kind === CMD_UNLINK) {
      const unlink = viewOf(this.#take(URB_HEADER));
      return { kind: 'unlink', seqnum: unlink.getUint32(4), victim: unlink.getUint32(20) };
    }
    if (kind !== CMD_SUBMIT) throw new UsbipFormatError(`command ${kind}`);
    const length = view.getUint32(24);
    if (length > LONGEST_TRANSFER) throw new UsbipFormatError(`a transfer of ${length} bytes`);
    if (!NO_PACKETS.has(view.getUint32(32))) throw new UsbipFormatError('an isochronous transfer');
    const direction = view.getUint32(12) === DIRECTION_IN ? 'in' : 'out';
    const whole = URB_HEADER + (direction === 'out' ? length : 0);
    if (this.#bytes.length < whole) return undefined;
    return submitOf(this.#take(whole), direction, length);
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.slice(0, length);
    this.#bytes = this.#bytes.slice(length);
    return taken;
  }
}

function submitOf(bytes: Uint8Array, direction: 'in' | 'out', length: number): Submit {
  const view = viewOf(bytes);
  return {
    kind: 'submit',
    seqnum: view.getUint32(4),
    endpoint: view.getUint32(16),
    direction,
    length,
    setup: bytes.subarray(40, URB_HEADER),
    data: bytes.subarray(URB_HEADER),
  };
}

/** OP_REP_DEVLIST. */
export function devlistReply(devices: readonly ExportedDevice[]): Uint8Array {
  const size = devices.reduce((sum, { interfaces }) => sum + DEVICE + interfaces.length * 4, OP_HEADER + 4);
  const bytes = new Uint8Array(size);
  writeOperation(bytes, OP_REP_DEVLIST, 0);
  viewOf(bytes).setUint32(OP_HEADER, devices.length);
  let at = OP_HEADER + 4;
  for (const device of devices) {
    writeDevice(bytes.subarray(at), device);
    at += DEVICE;
    for (const { classCode, subclass, protocol } of device.interfaces) {
      bytes.set([classCode, subclass, protocol, 0], at);
      at += 4;
    }
  }
  return bytes;
}

/** OP_REP_IMPORT; without a device the answer is that it cannot be had. */
export function importReply(device: ExportedDevice | undefined): Uint8Array {
  const bytes = new Uint8Array(device ? OP_HEADER + DEVICE : OP_HEADER);
  writeOperation(bytes, OP_REP_IMPORT, device ? 0 : 1);
  if (device) writeDevice(bytes.subarray(OP_HEADER), device);
  return bytes;
}

/** `actual` counts what went out, or is the length of what comes in. */
export interface SubmitReply {
  readonly seqnum: number;
  readonly status: UrbStatus;
  readonly actual: number;
  readonly data: Uint8Array;
}

/** USBIP_RET_SUBMIT. */
export function submitReply({ seqnum, status, actual, data }: SubmitReply): Uint8Array {
  const bytes = new Uint8Array(URB_HEADER + data.length);
  const view = viewOf(bytes);
  view.setUint32(0, RET_SUBMIT);
  view.setUint32(4, seqnum);
  view.setInt32(20, status);
  view.setUint32(24, actual);
  bytes.set(data, URB_HEADER);
  return bytes;
}

/** USBIP_RET_UNLINK: `found` says that the submit was still open, and is now not answered any more. */
export function unlinkReply(seqnum: number, found: boolean): Uint8Array {
  const bytes = new Uint8Array(URB_HEADER);
  const view = viewOf(bytes);
  view.setUint32(0, RET_UNLINK);
  view.setUint32(4, seqnum);
  view.setInt32(20, found ? Status.unlinked : Status.ok);
  return bytes;
}

function writeOperation(bytes: Uint8Array, code: number, status: number): void {
  const view = viewOf(bytes);
  view.setUint16(0, VERSION);
  view.setUint16(2, code);
  view.setUint32(4, status);
}

function writeDevice(bytes: Uint8Array, device: ExportedDevice): void {
  const view = viewOf(bytes);
  const encoder = new TextEncoder();
  encoder.encodeInto(`/sys/devices/flashline/${device.busid}`, bytes.subarray(0, PATH - 1));
  encoder.encodeInto(device.busid, bytes.subarray(PATH, PATH + BUSID - 1));
  view.setUint32(288, device.busNumber);
  view.setUint32(292, device.deviceNumber);
  view.setUint32(296, SPEED_CODES[device.speed]);
  view.setUint16(300, device.vendorId);
  view.setUint16(302, device.productId);
  view.setUint16(304, device.release);
  // Device class, subclass and protocol stand at the interfaces; configured as 1 of 1.
  bytes.set([0, 0, 0, 1, 1, device.interfaces.length], 306);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end === -1 ? bytes.length : end));
}
