import {
  configurationDescriptor,
  DescriptorType,
  type DeviceIdentity,
  deviceDescriptor,
  languagesDescriptor,
  qualifierDescriptor,
  stringDescriptor,
  type UsbEndpoint,
  type UsbInterface,
} from './descriptors.ts';
import { Status, type Submit, type SubmitReply, type UrbStatus, type UsbSpeed } from './protocol.ts';

/** The eight bytes that begin a control transfer (USB 2.0, 9.3). */
export interface Setup {
  readonly type: number;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

/** What a device says of itself when it is asked. */
export interface UsbDescription {
  readonly speed: UsbSpeed;
  readonly identity: DeviceIdentity;
  /** Alternate settings of one interface stand one after another. */
  readonly interfaces: readonly UsbInterface[];
  readonly bos?: Uint8Array;
}

/** What a device does beyond what every USB device does. */
export interface UsbFunction {
  readonly description: UsbDescription;
  /** A request of class or vendor, or for a descriptor of the class: bytes (none: done), or undefined to refuse it. */
  control(setup: Setup, data: Uint8Array): Uint8Array | undefined;
  /** A transaction to an OUT endpoint; false when no buffer is free, and it is then offered again (a NAK). */
  write(endpoint: number, packet: Uint8Array): boolean;
  /** What an IN endpoint has to say, if anything: one transaction of at most its packet size. */
  read(endpoint: number): Uint8Array | undefined;
  /** An interface was set to one of its alternate settings. */
  alternate?(number: number, setting: number): void;
  /** Configured by a host, or gone from it: nothing that was under way counts any more. */
  reset(): void;
}

/** Standard requests (USB 2.0, table 9-4). */
const Request = {
  getStatus: 0,
  clearFeature: 1,
  setFeature: 3,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
  getInterface: 10,
  setInterface: 11,
} as const;
const STANDARD_TYPE = 0x60;
const NOTHING = new Uint8Array();

interface Pending {
  readonly submit: Submit;
  readonly reply: (reply: SubmitReply) => void;
  /** How much of an OUT transfer went out, or what came in so far. */
  sent: number;
  readonly heard: number[];
}

/**
 * A USB device as a host's controller sees it: control requests, and transfers on endpoints that wait until the device
 * has room or something to say. Knows nothing of how the transfers reach it.
 */
export class UsbDevice {
  readonly #does: UsbFunction;
  readonly #pending = new Map<number, Pending>();
  /** By interface; the others are at setting 0. */
  readonly #alternates = new Map<number, number>();
  #configuration = 0;

  constructor(does: UsbFunction) {
    this.#does = does;
  }

  /** `reply` is called once, now or when the device is ready, unless the transfer is unlinked before. */
  submit(submit: Submit, reply: (reply: SubmitReply) => void): void {
    if (submit.endpoint === 0) {
      reply(this.#control(submit));
      return;
    }
    if (!this.#hasEndpoint(submit)) {
      reply(replyOf(submit, Status.stall, 0));
      return;
    }
    this.#pending.set(submit.seqnum, { submit, reply, sent: 0, heard: [] });
    this.#pump();
  }

  /** True when the transfer was still waiting; it is then never answered. */
  unlink(seqnum: number): boolean {
    return this.#pending.delete(seqnum);
  }

  /** The host has let go of the device. */
  detach(): void {
    this.#pending.clear();
    this.#configuration = 0;
    this.#alternates.clear();
    this.#does.reset();
  }

  #hasEndpoint({ endpoint, direction }: Submit): boolean {
    return this.#endpoints().some((one) => one.number === endpoint && one.direction === direction);
  }

  /** Moves whatever can move: what goes out may bring forth what comes in, and reading makes room for writing. */
  #pump(): void {
    for (let moved = true; moved;) {
      moved = false;
      const busy = new Set<string>();
      for (const pending of this.#pending.values()) {
        const { endpoint, direction } = pending.submit;
        // An endpoint's transfers go in order: one that waits holds those behind it.
        const key = `${direction}${endpoint}`;
        if (busy.has(key)) continue;
        const done = direction === 'in' ? this.#comeIn(pending) : this.#goOut(pending);
        if (done) moved = true;
        else busy.add(key);
      }
    }
  }

  #goOut(pending: Pending): boolean {
    const { submit } = pending;
    const size = this.#maxPacket(submit);
    do {
      const packet = submit.data.subarray(pending.sent, pending.sent + size);
      if (!this.#does.write(submit.endpoint, packet)) return false;
      pending.sent += packet.length;
    } while (pending.sent < submit.data.length);
    this.#finish(pending, Status.ok);
    return true;
  }

  /** A transfer ends with a packet that is not full, or when the host's buffer is (USB 2.0, 5.8.3). */
  #comeIn(pending: Pending): boolean {
    const { submit, heard } = pending;
    const size = this.#maxPacket(submit);
    while (heard.length < submit.length) {
      const packet = this.#does.read(submit.endpoint);
      if (!packet) return false;
      if (packet.length > submit.length - heard.length) {
        this.#finish(pending, Status.overflow);
        return true;
      }
      heard.push(...packet);
      if (packet.length < size) break;
    }
    this.#finish(pending, Status.ok);
    return true;
  }

  #finish(pending: Pending, status: UrbStatus): void {
    this.#pending.delete(pending.submit.seqnum);
    pending.reply(replyOf(pending.submit, status, pending.sent, Uint8Array.from(pending.heard)));
  }

  #maxPacket({ endpoint, direction }: Submit): number {
    const found = this.#endpoints().find((one) => one.number === endpoint && one.direction === direction);
    return found?.maxPacket ?? 1;
  }

  #endpoints(): readonly UsbEndpoint[] {
    return this.#does.description.interfaces.flatMap(({ endpoints }) => endpoints);
  }

  #control(submit: Submit): SubmitReply {
    const setup = setupOf(submit.setup);
    const data = (setup.type & STANDARD_TYPE) === 0 ? this.#standard(setup) : this.#does.control(setup, submit.data);
    if (!data) return replyOf(submit, Status.stall, 0);
    const wanted = Math.min(submit.length, setup.length);
    return replyOf(submit, Status.ok, submit.data.length, data.subarray(0, wanted));
  }

  #standard(setup: Setup): Uint8Array | undefined {
    switch (setup.request) {
      case Request.getDescriptor:
        return this.#descriptor(setup) ?? this.#does.control(setup, NOTHING);
      case Request.getStatus:
        return Uint8Array.of(0, 0);
      case Request.getConfiguration:
        return Uint8Array.of(this.#configuration);
      case Request.setConfiguration:
        this.#configuration = setup.value & 0xff;
        this.#alternates.clear();
        this.#does.reset();
        return NOTHING;
      case Request.getInterface:
        return Uint8Array.of(this.#alternates.get(setup.index) ?? 0);
      case Request.setInterface:
        return this.#setInterface(setup);
      case Request.clearFeature:
      case Request.setFeature:
        return NOTHING;
      default:
        return undefined;
    }
  }

  #setInterface({ index, value }: Setup): Uint8Array | undefined {
    const { interfaces } = this.#does.description;
    if (!interfaces.some(({ number = 0, alternate = 0 }) => number === index && alternate === value)) return undefined;
    this.#alternates.set(index, value);
    this.#does.alternate?.(index, value);
    return NOTHING;
  }

  #descriptor({ value }: Setup): Uint8Array | undefined {
    const { identity, bos, speed } = this.#does.description;
    switch (value >>> 8) {
      case DescriptorType.device:
        return deviceDescriptor(identity, bos !== undefined);
      case DescriptorType.configuration:
        return configurationDescriptor(this.#does.description.interfaces);
      case DescriptorType.string:
        return this.#string(value & 0xff);
      case DescriptorType.deviceQualifier:
        return speed === 'high' ? qualifierDescriptor(bos !== undefined) : undefined;
      case DescriptorType.bos:
        return bos;
      default:
        return undefined;
    }
  }

  #string(index: number): Uint8Array | undefined {
    if (index === 0) return languagesDescriptor();
    const { manufacturer, product, serial } = this.#does.description.identity;
    // In the order of StringIndex.
    const names = this.#does.description.interfaces.map(({ name }) => name);
    const text = [manufacturer, product, serial, ...names][index - 1];
    return text === undefined ? undefined : stringDescriptor(text);
  }
}

function setupOf(bytes: Uint8Array): Setup {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    type: view.getUint8(0),
    request: view.getUint8(1),
    value: view.getUint16(2, true),
    index: view.getUint16(4, true),
    length: view.getUint16(6, true),
  };
}

/** What came in counts by its length, what went out by how much of it was taken. */
function replyOf(
  { seqnum, direction }: Submit,
  status: UrbStatus,
  sent: number,
  heard: Uint8Array = NOTHING,
): SubmitReply {
  if (direction === 'in') return { seqnum, status, actual: heard.length, data: heard };
  return { seqnum, status, actual: sent, data: NOTHING };
}
