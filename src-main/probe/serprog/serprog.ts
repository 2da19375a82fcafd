import { concat } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import type { SpiAdapter, SpiPort, SpiTransfer } from '../spi-port.ts';
import { SerprogStream } from './serprog-stream.ts';
import {
  ANSWER_SIZE,
  BUS_SPI,
  Command,
  DELAY_COMMANDS,
  delayOperations,
  fromLittleEndian,
  hasCommand,
  LEAST_BUFFER,
  MOST_BYTES,
  nameOf,
  setSpiFrequency,
  SPI_HEADER,
  spiOperation,
  VERSION,
} from './serprog-wire.ts';

/**
 * What may be asked for and has not been read: whatever carries the bytes back holds so much without holding up the
 * other direction.
 */
const MOST_AWAITED = 0x40000;
/** Handed to the link at once. */
const MOST_AT_ONCE = 0x8000;
const DELAY_SIZE = delayOperations(0).length;
/** Of an adapter that does not tell its clock: slow enough for any deadline. */
const SLOWEST_HZ = 100_000;

type Query = Exclude<keyof typeof ANSWER_SIZE, typeof Command.setSpiFrequency>;

/** What an adapter told of itself. */
interface Abilities {
  readonly map: Uint8Array;
  readonly name: string;
  /** What it takes before it has answered, in bytes. */
  readonly buffer: number;
  readonly limits: SpiPort['limits'];
}

/**
 * Opens the serprog adapter at the other end of the link. Rejects with `probe-silent`, `probe-protocol`, or
 * `probe-unsuited` where it has no SPI bus; the link is closed then.
 */
export async function openSerprog(link: Link, io: IoContext): Promise<SpiPort> {
  try {
    const stream = new SerprogStream(link);
    await stream.synchronise(io);
    const query = (command: Query) => ask(stream, command, io);
    const version = fromLittleEndian(await query(Command.queryInterface));
    if (version !== VERSION) throw stream.protocol(`it speaks version ${version} of serprog`);
    const map = await query(Command.queryCommands);
    const queryIf = async (command: Query) => (hasCommand(map, command) ? query(command) : undefined);
    const buses = await queryIf(Command.queryBusTypes);
    if (!hasCommand(map, Command.spiOperation) || ((buses?.[0] ?? BUS_SPI) & BUS_SPI) === 0)
      throw unsuited(link, 'it has no SPI bus');
    const name = await queryIf(Command.queryName);
    const buffer = await queryIf(Command.querySerialBuffer);
    return new SerprogPort(stream, {
      map,
      name: name ? nameOf(name) : '',
      buffer: Math.max(LEAST_BUFFER, buffer ? fromLittleEndian(buffer) : 0),
      limits: {
        write: longest(await queryIf(Command.queryLongestWrite)),
        read: longest(await queryIf(Command.queryLongestRead)),
      },
    });
  } catch (error) {
    await link.close();
    throw error;
  }
}

async function ask(stream: SerprogStream, command: Query, io: IoContext, argument?: number): Promise<Uint8Array> {
  const request = argument === undefined ? [command] : [command, argument];
  await stream.ask(Uint8Array.from(request), 1, io);
  const { accepted, data } = await stream.answer(ANSWER_SIZE[command], io);
  if (!accepted) throw stream.protocol(`it refuses the command 0x${command.toString(16).padStart(2, '0')}`);
  return data;
}

function longest(told: Uint8Array | undefined): number {
  const value = told ? fromLittleEndian(told) : 0;
  return value === 0 ? MOST_BYTES : value;
}

function unsuited(link: Link, detail: string): FlashlineError {
  return new FlashlineError('probe-unsuited', { params: { url: link.url, detail } });
}

class SerprogPort implements SpiPort {
  readonly url: string;
  readonly limits: SpiPort['limits'];
  readonly adapter: SpiAdapter;
  readonly delays: boolean;
  readonly #stream: SerprogStream;
  readonly #abilities: Abilities;
  #hz = SLOWEST_HZ;

  constructor(stream: SerprogStream, abilities: Abilities) {
    this.url = stream.link.url;
    this.limits = abilities.limits;
    this.adapter = { vendor: '', product: abilities.name, serial: '', firmware: `serprog ${VERSION}` };
    const delaying = [Command.initOperations, Command.delayOperation, Command.executeOperations];
    this.delays = delaying.every((command) => hasCommand(abilities.map, command));
    this.#stream = stream;
    this.#abilities = abilities;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    const { map } = this.#abilities;
    if (!this.#stream.inStep) await this.#stream.synchronise(io);
    if (hasCommand(map, Command.setBusTypes)) await ask(this.#stream, Command.setBusTypes, io, BUS_SPI);
    const hz = hasCommand(map, Command.setSpiFrequency) ? await this.#setFrequency(clockHz, io) : 0;
    if (hz > clockHz)
      throw unsuited(this.#stream.link, `its slowest SPI clock is ${hz} Hz, the chip allows ${clockHz}`);
    this.#hz = hz === 0 ? SLOWEST_HZ : hz;
    if (hasCommand(map, Command.setPinState)) await ask(this.#stream, Command.setPinState, io, 1);
    return hz;
  }

  async transfer(transfers: readonly SpiTransfer[], io: IoContext): Promise<Uint8Array[]> {
    if (!this.#stream.inStep) await this.#stream.synchronise(io);
    const queue = new Pipeline(transfers, this.#abilities.buffer);
    const results: Uint8Array[] = [];
    let refused = 0;
    for (const transfer of transfers) {
      const { bytes, commands } = queue.next();
      if (commands > 0) await this.#stream.ask(bytes, commands, io);
      const workMs = (queue.bytesAwaited * 8000) / this.#hz + queue.usAwaited / 1000;
      for (let left = commandsOf(transfer); left > 1; left--)
        refused += Number(!(await this.#stream.answer(0, io, workMs)).accepted);
      const { accepted, data } = await this.#stream.answer(transfer.read, io, workMs);
      queue.answered(transfer);
      refused += Number(!accepted);
      results.push(data);
    }
    // Only now: the answers that were on their way have been read, and both sides are in step.
    if (refused > 0) throw this.#stream.protocol(`it refused ${refused} of ${transfers.length} SPI operations`);
    return results;
  }

  async close(io: IoContext): Promise<void> {
    try {
      if (this.#stream.inStep && hasCommand(this.#abilities.map, Command.setPinState))
        await ask(this.#stream, Command.setPinState, io, 0);
    } catch (error) {
      // One that is gone, or does not answer, holds no pins that we could let go.
      if (!(error instanceof FlashlineError)) throw error;
    } finally {
      await this.#stream.link.close();
    }
  }

  async #setFrequency(clockHz: number, io: IoContext): Promise<number> {
    await this.#stream.ask(setSpiFrequency(clockHz), 1, io);
    const { accepted, data } = await this.#stream.answer(ANSWER_SIZE[Command.setSpiFrequency], io);
    if (!accepted) throw this.#stream.protocol(`it refuses an SPI clock of ${clockHz} Hz`);
    return fromLittleEndian(data);
  }
}

function bytesOf({ write, read, beforeUs = 0 }: SpiTransfer): Uint8Array {
  const operation = spiOperation(write, read);
  return beforeUs > 0 ? concat([delayOperations(beforeUs), operation]) : operation;
}

function sizeOf({ write, beforeUs = 0 }: SpiTransfer): number {
  return SPI_HEADER + write.length + (beforeUs > 0 ? DELAY_SIZE : 0);
}

function commandsOf({ beforeUs = 0 }: SpiTransfer): number {
  return beforeUs > 0 ? DELAY_COMMANDS + 1 : 1;
}

/** Which operations may be sent already: as many as the adapter's buffer takes, or one alone that is larger. */
class Pipeline {
  readonly #transfers: readonly SpiTransfer[];
  readonly #buffer: number;
  #sent = 0;
  #inFlight = 0;
  #awaited = 0;
  #us = 0;

  constructor(transfers: readonly SpiTransfer[], buffer: number) {
    this.#transfers = transfers;
    this.#buffer = buffer;
  }

  /** Bytes on the chip's wires before all that was sent is answered. */
  get bytesAwaited(): number {
    return this.#inFlight + this.#awaited;
  }

  /** What the adapter waits meanwhile. */
  get usAwaited(): number {
    return this.#us;
  }

  /** What can be sent now. */
  next(): { readonly bytes: Uint8Array; readonly commands: number } {
    const parts: Uint8Array[] = [];
    let commands = 0;
    for (let size = 0; size < MOST_AT_ONCE; this.#sent++) {
      const transfer = this.#transfers[this.#sent];
      if (!transfer || !this.#fits(transfer)) break;
      parts.push(bytesOf(transfer));
      commands += commandsOf(transfer);
      size += sizeOf(transfer);
      this.#inFlight += sizeOf(transfer);
      this.#awaited += transfer.read + commandsOf(transfer);
      this.#us += transfer.beforeUs ?? 0;
    }
    return { bytes: concat(parts), commands };
  }

  answered(transfer: SpiTransfer): void {
    this.#inFlight -= sizeOf(transfer);
    this.#awaited -= transfer.read + commandsOf(transfer);
    this.#us -= transfer.beforeUs ?? 0;
  }

  #fits(transfer: SpiTransfer): boolean {
    if (this.#inFlight === 0) return true;
    const fits = this.#inFlight + sizeOf(transfer) <= this.#buffer;
    return fits && this.#awaited + transfer.read + commandsOf(transfer) <= MOST_AWAITED;
  }
}
