import type { Socket } from 'node:net';
import { serveTcp, type TcpOptions, type TcpServer } from '../tcp-server.ts';
import type { PacketCounts } from './packet-buffers.ts';
import {
  type Command,
  devlistReply,
  type ExportedDevice,
  importReply,
  submitReply,
  unlinkReply,
  UsbipFormatError,
  UsbipReader,
} from './protocol.ts';
import type { PluggedDevice, UsbipDevice } from './usbip-device.ts';

export type { UsbipDevice } from './usbip-device.ts';

export interface UsbipServerOptions extends TcpOptions {
  /** The n-th of them is at bus id `1-n`, counted from 1. */
  readonly devices: readonly UsbipDevice[];
  readonly attached?: (busid: string) => void;
  readonly detached?: (busid: string, counts: PacketCounts) => void;
}

/** Closing pulls all of them out. */
export interface UsbipServer extends TcpServer {
  readonly busids: readonly string[];
  /** Pulls a device out of the host that has it, if one has. */
  unplug(busid: string): void;
  /** Packets of a device since it was last plugged in. */
  counts(busid: string): PacketCounts | undefined;
}

/** Offers the bench's devices to any host that speaks USB/IP. Rejects with the socket's error when the port cannot be had. */
export async function serveUsbip(options: UsbipServerOptions): Promise<UsbipServer> {
  const outlets = options.devices.map((device, index) => new Outlet(device, index + 1, options));
  const server = await serveTcp(options, (socket) => converse(socket, outlets));
  const outlet = (busid: string) => outlets.find((one) => one.busid === busid);
  return {
    ...server,
    busids: outlets.map(({ busid }) => busid),
    unplug: (busid) => outlet(busid)?.unplug(),
    counts: (busid) => outlet(busid)?.counts(),
  };
}

/** A place that one device is plugged in at, by one host at a time. */
class Outlet {
  readonly busid: string;
  readonly #number: number;
  readonly #device: UsbipDevice;
  readonly #told: Pick<UsbipServerOptions, 'attached' | 'detached'>;
  #socket: Socket | undefined;
  #plugged: PluggedDevice | undefined;

  constructor(device: UsbipDevice, number: number, told: Pick<UsbipServerOptions, 'attached' | 'detached'>) {
    this.busid = `1-${number}`;
    this.#number = number;
    this.#device = device;
    this.#told = told;
  }

  get exported(): ExportedDevice {
    const { identity, speed, interfaces } = this.#device.describe();
    return {
      ...identity,
      busid: this.busid,
      busNumber: 1,
      deviceNumber: this.#number + 1,
      speed,
      interfaces: interfaces.filter(({ alternate = 0 }) => alternate === 0),
    };
  }

  /** Undefined when another host has it. */
  plugIn(socket: Socket): PluggedDevice | undefined {
    if (this.#socket) return undefined;
    this.#socket = socket;
    const plugged = this.#device.plugIn(() => this.unplug());
    this.#plugged = plugged;
    socket.once('close', () => {
      this.#socket = undefined;
      plugged.device.detach();
      this.#told.detached?.(this.busid, plugged.counts());
    });
    this.#told.attached?.(this.busid);
    return plugged;
  }

  unplug(): void {
    this.#socket?.destroy();
  }

  counts(): PacketCounts | undefined {
    return this.#plugged?.counts();
  }
}

function converse(socket: Socket, outlets: readonly Outlet[]): void {
  const reader = new UsbipReader();
  let plugged: PluggedDevice | undefined;
  const operations = (): void => {
    for (;;) {
      const operation = reader.operation();
      if (!operation) return;
      if (operation.kind === 'devlist') {
        socket.write(devlistReply(outlets.map(({ exported }) => exported)));
        continue;
      }
      const outlet = outlets.find(({ busid }) => busid === operation.busid);
      plugged = outlet?.plugIn(socket);
      socket.write(importReply(plugged && outlet?.exported));
      if (plugged) return;
    }
  };
  const commands = ({ device }: PluggedDevice): void => {
    for (let command = reader.command(); command && !socket.destroyed; command = reader.command())
      carryOut(command, device, socket);
  };
  socket.on('data', (chunk) => {
    reader.push(chunk);
    try {
      if (!plugged) operations();
      if (plugged) commands(plugged);
    } catch (error) {
      if (!(error instanceof UsbipFormatError)) throw error;
      socket.destroy();
    }
  });
}

function carryOut(command: Command, device: PluggedDevice['device'], socket: Socket): void {
  if (command.kind === 'unlink') socket.write(unlinkReply(command.seqnum, device.unlink(command.victim)));
  else device.submit(command, (reply) => socket.write(submitReply(reply)));
}
