import { concat, hexAddress, readU32, writeU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess, Progress } from '../memory-access.ts';
import type { GdbConnection } from './connection.ts';
import { needsEscape } from './packets.ts';
import { ascii, putHex, takeHex, text } from './text.ts';

/** Memory by `m`, and by `X` or `M` packets (GDB manual, E.2). A refused access (`E nn`) is a `target-fault` with its address. */
export class GdbMemory implements MemoryAccess {
  readonly #connection: GdbConnection;

  constructor(connection: GdbConnection) {
    this.#connection = connection;
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    const size = this.#connection.stub.maxRead(this.#connection.packetSize);
    const requests: Uint8Array[] = [];
    for (let at = 0; at < length; at += size)
      requests.push(ascii(`m${(address + at).toString(16)},${Math.min(size, length - at).toString(16)}`));
    await this.#connection.askAll(
      requests,
      (payload, index) => {
        const at = index * size;
        const wanted = Math.min(size, length - at);
        const got = takeHex(payload, out, at);
        if (got !== wanted) throw this.#fault(payload, 'm', address + at);
        progress?.(at + wanted);
      },
      io,
    );
    return out;
  }

  async write(address: number, bytes: Uint8Array, io: IoContext, progress?: Progress): Promise<void> {
    const { requests, onReply } = this.writeRequests(address, bytes, progress);
    await this.#connection.askAll(requests, onReply, io);
  }

  /** The packets of a write, and what judges their replies: for callers that send more along with them. */
  writeRequests(
    address: number,
    bytes: Uint8Array,
    progress?: Progress,
  ): { requests: Uint8Array[]; onReply: (payload: Uint8Array, index: number) => void } {
    const { stub, packetSize, binary } = this.#connection;
    const requests: Uint8Array[] = [];
    /** Where each request's bytes end. */
    const ends: number[] = [];
    for (let at = 0; at < bytes.length; at = ends.at(-1) ?? at) {
      const size = binary ? binaryLength(bytes, at, packetSize - BINARY_HEADER) : stub.maxWrite(packetSize);
      const part = bytes.subarray(at, at + size);
      requests.push(binary ? binaryRequest(address + at, part) : writeRequest(address + at, part));
      ends.push(at + part.length);
    }
    const onReply = (payload: Uint8Array, index: number): void => {
      if (text(payload) !== 'OK') throw this.#fault(payload, binary ? 'X' : 'M', address + (ends[index - 1] ?? 0));
      progress?.(ends[index] ?? bytes.length);
    };
    return { requests, onReply };
  }

  async readWord(address: number, io: IoContext): Promise<number> {
    return readU32(await this.read(address, 4, io), 0);
  }

  async writeWord(address: number, value: number, io: IoContext): Promise<void> {
    const bytes = new Uint8Array(4);
    writeU32(bytes, 0, value);
    await this.write(address, bytes, io);
  }

  async waitForWord(address: number, mask: number, value: number, timeoutMs: number, io: IoContext): Promise<void> {
    const deadline = io.clock.monotonic() + timeoutMs;
    // Each turn is a round trip to the server: that is pause enough.
    while (((await this.readWord(address, io)) & mask) >>> 0 !== value >>> 0) {
      if (io.clock.monotonic() < deadline) continue;
      const seconds = String(Math.round(timeoutMs / 100) / 10);
      throw new FlashlineError('flash-timeout', {
        where: { address },
        params: { address: hexAddress(address), seconds },
      });
    }
  }

  #fault(payload: Uint8Array, request: string, address: number): FlashlineError {
    const reply = text(payload);
    if (!/^E(?:[0-9a-f]{2}|\.)/iu.test(reply)) return this.#connection.unexpected(request, reply);
    const cause = new Error(`the gdb server answers ${reply} to ${request}`);
    return new FlashlineError('target-fault', { where: { address }, params: { address: hexAddress(address) }, cause });
  }
}

/** `$Xxxxxxxxx,xxxx:` and `#cc`: some servers count the frame as part of PacketSize. */
const BINARY_HEADER = 19;

/** How many bytes from `at` on fit into `room` once they are escaped: whole words, but for the last. */
export function binaryLength(bytes: Uint8Array, at: number, room: number): number {
  let used = 0;
  let end = at;
  while (end < bytes.length) {
    used += needsEscape(bytes[end] ?? 0) ? 2 : 1;
    if (used > room) return Math.max(1, end - at - ((end - at) % 4));
    end++;
  }
  return end - at;
}

function binaryRequest(address: number, bytes: Uint8Array): Uint8Array {
  return concat([ascii(`X${address.toString(16)},${bytes.length.toString(16)}:`), bytes]);
}

function writeRequest(address: number, bytes: Uint8Array): Uint8Array {
  const header = ascii(`M${address.toString(16)},${bytes.length.toString(16)}:`);
  const request = new Uint8Array(header.length + bytes.length * 2);
  request.set(header);
  putHex(request, header.length, bytes);
  return request;
}
