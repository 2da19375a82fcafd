import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import type { PageState } from '../../plan/page-state.ts';
import type { Progress } from '../../probe/memory-access.ts';
import type { FlashDevice } from '../flash-device.ts';
import type { DfuPort, DfuWork } from './dfu-port.ts';

/** Deadlines allow ten times the typical time, and never less than this. */
const LEAST_WORK_MS = 5000;

/** What is under way: an image going down, or one coming up. Both only ever go on from where they are. */
interface Stream {
  readonly kind: 'down' | 'up';
  readonly memory: FlashMemory;
  block: number;
  /** Where the next byte belongs. */
  next: number;
  /** Down: not sent yet, less than a block. Up: had, but not asked for yet. */
  rest: Uint8Array;
  /** Up: the device has no more. */
  ended: boolean;
}

/**
 * The images behind a DFU 1.1 boot loader. There are no addresses: a download goes from the start of an alternate setting
 * to its end, erases as it goes, and is complete only once the device has taken the image over (manifestation), which is
 * the device's own valid flag. So a memory is one page here, and erasing it is nothing that a host could ask for.
 */
export class PlainDfuDevice implements FlashDevice {
  readonly name = 'dfu';
  readonly #port: () => DfuPort;
  readonly #settingOf: (memory: FlashMemory) => number;
  readonly #renew: (io: IoContext) => Promise<void>;
  readonly #memories = new Map<number, FlashMemory>();
  #stream: Stream | undefined;

  constructor(
    port: () => DfuPort,
    settingOf: (memory: FlashMemory) => number,
    renew: (io: IoContext) => Promise<void>,
  ) {
    this.#port = port;
    this.#settingOf = settingOf;
    this.#renew = renew;
  }

  /**
   * Nothing is known, so that every image goes down anew: bytes that are right already may be those of a download that was
   * torn just before its end, which the boot loader will not start, and a host cannot see that.
   */
  async survey(memory: FlashMemory, address: number): Promise<PageState[]> {
    this.#memories.set(memory.start, memory);
    return [{ address, blank: false }];
  }

  async erase(memory: FlashMemory, _address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    this.#memories.set(memory.start, memory);
    await this.#end(io);
    progress?.(size);
  }

  /** Goes on where the bytes before ended; anything else begins a new image, erased up to where the bytes begin. */
  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    this.#memories.set(memory.start, memory);
    const goesOn = this.#stream?.kind === 'down' && this.#stream.memory === memory && address >= this.#stream.next;
    const stream = goesOn && this.#stream ? this.#stream : await this.#begin('down', memory, io);
    const gap = new Uint8Array(address - stream.next).fill(memory.erased);
    stream.rest = concat([stream.rest, gap, bytes]);
    stream.next = address + bytes.length;
    const { transferBytes } = this.#port().functional;
    while (stream.rest.length >= transferBytes) {
      io.signal.throwIfAborted();
      await this.#send(stream, transferBytes, io);
      progress?.(Math.max(0, bytes.length - stream.rest.length));
    }
  }

  async read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const memory = [...this.#memories.values()].find(({ start, size }) => address >= start && address < start + size);
    if (!memory) throw new RangeError(`no memory was opened at ${address}`);
    let stream = this.#stream;
    if (stream?.kind !== 'up' || stream.memory !== memory || address < stream.next) {
      stream = await this.#begin('up', memory, io);
    }
    if (address > stream.next) await this.#comeUp(address - stream.next, io);
    const bytes = await this.#comeUp(length, io, progress);
    if (bytes.length === length) return bytes;
    throw this.#port().protocolFailure(`it sent ${bytes.length} bytes of the ${length} that were to be read back`);
  }

  async finish(io: IoContext): Promise<void> {
    await this.#end(io);
  }

  async #begin(kind: Stream['kind'], memory: FlashMemory, io: IoContext): Promise<Stream> {
    await this.#end(io);
    const port = this.#port();
    await port.usb.selectAlternate(port.interfaceNumber, this.#settingOf(memory), io);
    await port.toIdle(io);
    const stream: Stream = { kind, memory, block: 0, next: memory.start, rest: new Uint8Array(), ended: false };
    this.#stream = stream;
    return stream;
  }

  /** An image that went down is taken over; one that was coming up is left. */
  async #end(io: IoContext): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (!stream) return;
    if (stream.kind === 'up') {
      await this.#port().toIdle(io);
      return;
    }
    if (stream.rest.length > 0) await this.#send(stream, stream.rest.length, io);
    const manifested = await this.#port().manifest(stream.block & 0xffff, this.#work(stream.memory, stream.next), io);
    if (!manifested) await this.#renew(io);
  }

  async #send(stream: Stream, size: number, io: IoContext): Promise<void> {
    const { memory, rest } = stream;
    const at = stream.next - rest.length;
    // Block numbers count from 0 and may wrap (DFU 1.1, 6.1.1).
    await this.#port().download(stream.block & 0xffff, rest.subarray(0, size), this.#work(memory, at), io);
    stream.block++;
    stream.rest = rest.slice(size);
  }

  /** The next bytes; fewer where the device has no more. */
  async #comeUp(length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    const stream = this.#stream;
    if (!stream) return new Uint8Array();
    const port = this.#port();
    const { transferBytes } = port.functional;
    const parts = [stream.rest];
    let had = stream.rest.length;
    while (had < length && !stream.ended) {
      io.signal.throwIfAborted();
      const work = this.#work(stream.memory, stream.next);
      const bytes = await port.upload(stream.block & 0xffff, transferBytes, work, io);
      stream.block++;
      stream.ended = bytes.length < transferBytes;
      parts.push(bytes);
      had += bytes.length;
      progress?.(Math.min(had, length));
    }
    const all = concat(parts);
    stream.rest = all.slice(length);
    stream.next += Math.min(length, all.length);
    return all.subarray(0, length);
  }

  /** The first block may erase all that follows. */
  #work({ eraseMs }: FlashMemory, address: number): DfuWork {
    return { address, timeoutMs: Math.max(LEAST_WORK_MS, 10 * eraseMs) };
  }
}
