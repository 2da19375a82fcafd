import { hexAddress, readU32, writeU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { MemoryAccess, Progress } from '../memory-access.ts';
import type { GdbConnection } from './connection.ts';
import { ascii, putHex, takeHex, text } from './text.ts';

/** Memory by `m` and `M` packets (GDB manual, E.2). A refused access (`E nn`) is a `target-fault` with its address. */
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
    const size = this.#connection.stub.maxWrite(this.#connection.packetSize);
    const requests: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size)
      requests.push(writeRequest(address + at, bytes.subarray(at, at + size)));
    const onReply = (payload: Uint8Array, index: number): void => {
      if (text(payload) !== 'OK') throw this.#fault(payload, 'M', address + index * size);
      progress?.(Math.min(bytes.length, (index + 1) * size));
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

function writeRequest(address: number, bytes: Uint8Array): Uint8Array {
  const header = ascii(`M${address.toString(16)},${bytes.length.toString(16)}:`);
  const request = new Uint8Array(header.length + bytes.length * 2);
  request.set(header);
  putHex(request, header.length, bytes);
  return request;
}
