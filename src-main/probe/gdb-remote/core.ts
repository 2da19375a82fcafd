import { readU32, wordsToBytes, writeU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { CoreCall, CoreRegister, CoreRegisters, RunControl } from '../run-control.ts';
import type { GdbConnection } from './connection.ts';
import type { GdbMemory } from './memory.ts';
import { layoutOfLength, type RegisterPlace } from './target-description.ts';
import { ascii, takeHex, text } from './text.ts';

/** The T bit: every Cortex-M executes Thumb only. */
const XPSR_THUMB = 0x0100_0000;
/** Length of the instruction under a breakpoint (`Z1,address,kind`): Thumb, 16 bits. */
const THUMB_KIND = 2;
/** `cpsid i; b .` in memory order. */
const MASK_INTERRUPTS = Uint8Array.of(0x72, 0xb6, 0xfe, 0xe7);
/** A core that sleeps (WFI) wakes with its next interrupt; one that has not by then may have none. */
const WAKE_MS = 1500;
const RESET_MS = 2000;
/** A value that no reset leaves in a register. */
const MARK = 0x5a5a_a5a5;

/** One core by `g`/`G`, `p`/`P`, `Z`/`z`, `c` and the interrupt (GDB manual, E.2). */
export class GdbCore implements RunControl {
  readonly #connection: GdbConnection;
  readonly #memory: GdbMemory;
  readonly #vectors: number;
  /** Hardware (1) or software (0) breakpoints, once one was accepted. */
  #breakpointType = 1;
  #taken = false;

  /** `vectors`: address of the table that holds the initial SP and PC. */
  constructor(connection: GdbConnection, memory: GdbMemory, vectors: number) {
    this.#connection = connection;
    this.#memory = memory;
    this.#vectors = vectors;
  }

  async halt(io: IoContext): Promise<void> {
    await this.#connection.halt(io);
  }

  async resume(io: IoContext): Promise<void> {
    await this.#connection.resume([], () => undefined, 'c', io);
  }

  async readRegisters(names: readonly CoreRegister[], io: IoContext): Promise<CoreRegisters> {
    const all = await this.#readAll(io);
    const values: CoreRegisters = {};
    for (const name of names) values[name] = readU32(all, this.#place(name, all.length).offset);
    return values;
  }

  async writeRegisters(values: CoreRegisters, io: IoContext): Promise<void> {
    const requests = this.#registerRequests(values);
    if (requests) {
      let supported = true;
      await this.#connection.askAll(
        requests,
        (payload) => {
          if (payload.length === 0) supported = false;
          else this.#expectOk('P', payload);
        },
        io,
      );
      if (supported) return;
    }
    const all = await this.#readAll(io);
    for (const [name, value] of entries(values)) writeU32(all, this.#place(name, all.length).offset, value);
    const reply = await this.#connection.ask(`G${Buffer.from(all).toString('hex')}`, io);
    if (reply !== 'OK') throw this.#connection.unexpected('G', reply);
  }

  async setBreakpoint(address: number, io: IoContext): Promise<void> {
    for (const type of [this.#breakpointType, 0]) {
      const reply = await this.#connection.ask(`Z${type},${address.toString(16)},${THUMB_KIND}`, io);
      if (reply === 'OK') {
        this.#breakpointType = type;
        return;
      }
      if (reply !== '' && !reply.startsWith('E')) throw this.#connection.unexpected('Z', reply);
    }
    throw this.#unsuited('it sets no breakpoints');
  }

  async clearBreakpoint(address: number, io: IoContext): Promise<void> {
    const reply = await this.#connection.ask(`z${this.#breakpointType},${address.toString(16)},${THUMB_KIND}`, io);
    if (reply !== 'OK') throw this.#connection.unexpected('z', reply);
  }

  async waitForHalt(timeoutMs: number, io: IoContext): Promise<void> {
    await this.#connection.waitForStop(timeoutMs, io);
  }

  async call(call: CoreCall, timeoutMs: number, io: IoContext): Promise<void> {
    const { requests, onReply } = this.#memory.writeRequests(call.address, call.bytes);
    if (this.#connection.stub.continueAt) {
      // Bit 0 of an address to resume at selects Thumb, as in any branch.
      await this.#connection.resume(requests, onReply, `c${(call.entry | 1).toString(16)}`, io);
    } else {
      await this.#connection.askAll(requests, onReply, io);
      await this.writeRegisters({ pc: call.entry, xpsr: XPSR_THUMB }, io);
      await this.resume(io);
    }
    await this.#connection.waitForStop(timeoutMs, io);
  }

  /**
   * Steps over one `cpsid i`: servers hold interrupts back during a step, so that no handler of the old firmware runs
   * first and writes into memory that is ours by now. A server that cannot wake a sleeping core has to reset it.
   */
  async takeOver(scratch: number, io: IoContext): Promise<'as-found' | 'reset'> {
    await this.halt(io);
    if (this.#taken) return 'as-found';
    const asFound = await this.#maskInterrupts(scratch, io);
    if (!asFound) {
      await this.#systemReset(io);
      if (!(await this.#maskInterrupts(scratch, io)))
        throw new FlashlineError('target-stuck', { params: { seconds: String(WAKE_MS / 1000) } });
    }
    this.#taken = true;
    return asFound ? 'as-found' : 'reset';
  }

  async #maskInterrupts(scratch: number, io: IoContext): Promise<boolean> {
    await this.#memory.write(scratch, MASK_INTERRUPTS, io);
    await this.writeRegisters({ pc: scratch, xpsr: XPSR_THUMB }, io);
    await this.#connection.resume([], () => undefined, 's', io);
    try {
      await this.#connection.waitForStop(WAKE_MS, io);
    } catch (error) {
      if (error instanceof FlashlineError && error.failure.code === 'target-stuck') return false;
      throw error;
    }
    const { pc } = await this.readRegisters(['pc'], io);
    return pc === scratch + 2;
  }

  /** By the server's monitor, which answers before it has happened: seen by a register that no longer holds a mark. */
  async #systemReset(io: IoContext): Promise<void> {
    const { systemReset } = this.#connection.stub;
    await this.writeRegisters({ r0: MARK }, io);
    if (systemReset === undefined || (await this.#connection.monitor(systemReset, io)) === undefined)
      throw new FlashlineError('target-stuck', { params: { seconds: String(WAKE_MS / 1000) } });
    const deadline = io.clock.monotonic() + RESET_MS;
    while ((await this.readRegisters(['r0'], io)).r0 === MARK) {
      if (io.clock.monotonic() > deadline)
        throw new FlashlineError('target-stuck', { params: { seconds: String(RESET_MS / 1000) } });
      await io.clock.sleep(5, io.signal);
    }
  }

  async reset(after: 'run' | 'halt', io: IoContext): Promise<void> {
    await this.halt(io);
    const how = this.#connection.stub.reset;
    if (how.by === 'monitor') {
      for (const command of how[after]) {
        if ((await this.#connection.monitor(command, io)) === undefined)
          throw this.#unsuited(`it refuses "${command}"`);
      }
      return;
    }
    if (how.by === 'vRun') {
      await this.#connection.restart(io);
      if (after === 'run') await this.resume(io);
      return;
    }
    const table = await this.#memory.read(this.#vectors, 8, io);
    // ARMv6-M B1.5.5: SP and PC from the vector table, LR all ones, thread mode with the T bit.
    const pc = readU32(table, 4) & ~1;
    await this.writeRegisters({ sp: readU32(table, 0), pc, lr: 0xffff_ffff, xpsr: XPSR_THUMB }, io);
    if (after === 'run') await this.resume(io);
  }

  async #readAll(io: IoContext): Promise<Uint8Array> {
    const reply = await this.#connection.ask('g', io);
    const all = new Uint8Array(reply.length >> 1);
    // A register that cannot be read is sent as `x` digits; none of a halted Cortex-M's core registers is.
    if (reply.length < 8 || takeHex(ascii(reply.replaceAll('x', '0')), all, 0) === undefined)
      throw this.#connection.unexpected('g', reply);
    return all;
  }

  /** `P` packets, where the registers' numbers are known. */
  #registerRequests(values: CoreRegisters): Uint8Array[] | undefined {
    const layout = this.#connection.layout;
    if (!layout) return undefined;
    const requests: Uint8Array[] = [];
    for (const [name, value] of entries(values)) {
      const place = layout.get(name);
      if (!place) return undefined;
      const digits = Buffer.from(wordsToBytes([value])).toString('hex');
      requests.push(ascii(`P${place.number.toString(16)}=${digits}`));
    }
    return requests;
  }

  #place(name: CoreRegister, size: number): RegisterPlace {
    const place = (this.#connection.layout ?? layoutOfLength(size))?.get(name);
    if (!place || place.offset + 4 > size) throw this.#unsuited(`it does not show the register ${name}`);
    return place;
  }

  #expectOk(request: string, payload: Uint8Array): void {
    const reply = text(payload);
    if (reply !== 'OK') throw this.#connection.unexpected(request, reply);
  }

  #unsuited(detail: string): FlashlineError {
    return new FlashlineError('probe-unsuited', { params: { url: this.#connection.url, detail } });
  }
}

function entries(values: CoreRegisters): [CoreRegister, number][] {
  return Object.entries(values) as [CoreRegister, number][];
}
