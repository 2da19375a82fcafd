import { firstDifference, hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { FlashMemory } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Flm } from '../image/flm.ts';
import { programRuns } from '../plan/contents.ts';
import type { Progress } from '../probe/memory-access.ts';
import type { Target } from '../target/target.ts';
import type { FlashDevice } from './flash-device.ts';

/** A flash algorithm of the chip's pack, and where it may stand with its stack and buffers. */
export interface PlacedFlm {
  readonly flm: Flm;
  /** Range that it writes. */
  readonly start: number;
  readonly size: number;
  readonly ram: { readonly start: number; readonly size: number };
}

/** `Init`'s function codes (Open-CMSIS-Pack specification, "Flash Programming": Init). */
const ERASE = 1;
const PROGRAM = 2;
type Function = typeof ERASE | typeof PROGRAM;

const XPSR_THUMB = 0x0100_0000;
/** `bkpt #0; b .`: a call returns here, and a hardware breakpoint stands here too where a BKPT would escalate. */
const TRAP = Uint8Array.of(0x00, 0xbe, 0xfe, 0xe7);
const STACK = 512;
const CALL_MS = 2000;
/** Algorithms name their time-outs; ours only has to outlast a core that hangs before it comes to that. */
const PATIENCE = 2;

/**
 * Writes flash by a CMSIS flash algorithm (FLM) running on the unit's core. What it wrote is read back through the
 * debug port, never by its own Verify. RAM: trap, code and data, stack, then as many page buffers as fit, two at most:
 * while the core programs from one, the other is filled, where memory can be reached meanwhile.
 */
export function createFlmDevice(target: Target, algorithms: readonly PlacedFlm[]): FlashDevice {
  return new FlmDevice(target, algorithms);
}

class FlmDevice implements FlashDevice {
  readonly name = 'flm';
  readonly #target: Target;
  readonly #algorithms: readonly PlacedFlm[];
  /** What is in RAM and initialised now. */
  #open: { readonly placed: PlacedFlm; readonly layout: RamLayout; readonly as: Function | null } | undefined;

  constructor(target: Target, algorithms: readonly PlacedFlm[]) {
    this.#target = target;
    this.#algorithms = algorithms;
  }

  async erase(memory: FlashMemory, address: number, size: number, io: IoContext, progress?: Progress): Promise<void> {
    const { placed, layout } = await this.#enter(address, ERASE, io);
    const { flm } = placed;
    for (let done = 0; done < size; done += memory.page) {
      const sector = address + done;
      await this.#call(layout, flm.functions.EraseSector, [sector], io);
      await this.#expectZero(layout, sector, 'EraseSector', flm.eraseMs, io);
      progress?.(done + memory.page);
    }
  }

  async program(
    memory: FlashMemory,
    address: number,
    bytes: Uint8Array,
    io: IoContext,
    progress?: Progress,
  ): Promise<void> {
    const { placed, layout } = await this.#enter(address, PROGRAM, io);
    const { flm } = placed;
    let running: number | undefined;
    let count = 0;
    for (const page of pagesOf(memory, address, bytes, flm.pageSize)) {
      const buffer = layout.buffers[count++ % layout.buffers.length] ?? 0;
      // With one buffer the core must be done with it before it is filled again.
      if (running !== undefined && layout.buffers.length === 1) {
        await this.#expectZero(layout, running, 'ProgramPage', flm.programMs, io);
        running = undefined;
      }
      await this.#target.memory.write(buffer, page.bytes, io);
      if (running !== undefined) await this.#expectZero(layout, running, 'ProgramPage', flm.programMs, io);
      await this.#call(layout, flm.functions.ProgramPage, [page.address, page.bytes.length, buffer], io);
      running = page.address;
      progress?.(page.address - address);
    }
    if (running !== undefined) await this.#expectZero(layout, running, 'ProgramPage', flm.programMs, io);
    progress?.(bytes.length);
  }

  read(address: number, length: number, io: IoContext, progress?: Progress): Promise<Uint8Array> {
    return this.#target.memory.read(address, length, io, progress);
  }

  async finish(io: IoContext): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    await this.#target.core.halt(io);
    await this.#leave(open.placed, open.layout, open.as, io);
    await this.#target.core.clearBreakpoint(open.layout.trap, io);
  }

  /** Puts the algorithm for `address` in place, if it is not, and initialises it for what comes. */
  async #enter(address: number, as: Function, io: IoContext) {
    const placed = this.#algorithms.find(({ start, size }) => address >= start && address < start + size);
    if (!placed) throw this.#unsuited(`its pack has no flash algorithm for ${hexAddress(address)}`);
    if (this.#open?.placed === placed && this.#open.as === as) return this.#open;
    if (this.#open && this.#open.placed !== placed) await this.finish(io);
    const layout = this.#open?.layout ?? (await this.#load(placed, io));
    if (this.#open) await this.#leave(placed, layout, this.#open.as, io);
    this.#open = { placed, layout, as: null };
    // The clock is for algorithms that time by it; what the chip runs at after a reset is the algorithm's own knowledge.
    await this.#call(layout, placed.flm.functions.Init, [placed.flm.start, 0, as], io);
    await this.#expectZero(layout, address, 'Init', CALL_MS, io);
    this.#open = { placed, layout, as };
    return this.#open;
  }

  async #leave({ flm }: PlacedFlm, layout: RamLayout, as: Function | null, io: IoContext): Promise<void> {
    if (as === null) return;
    await this.#call(layout, flm.functions.UnInit, [as], io);
    await this.#expectZero(layout, flm.start, 'UnInit', CALL_MS, io);
  }

  /** The chip is reset first: algorithms expect clocks and flash as a reset leaves them. */
  async #load(placed: PlacedFlm, io: IoContext): Promise<RamLayout> {
    const { core, memory, can } = this.#target;
    const layout = layOutRam(placed, can.accessWhileRunning);
    if (!layout) throw this.#unsuited(`its RAM of ${placed.ram.size} bytes is too small for its flash algorithm`);
    await core.reset('halt', io);
    await core.takeOver?.(placed.ram.start, io);
    const code = new Uint8Array(TRAP.length + placed.flm.code.length);
    code.set(TRAP);
    code.set(placed.flm.code, TRAP.length);
    await memory.write(layout.trap, code, io);
    const found = await memory.read(layout.trap, code.length, io);
    const wrong = firstDifference(found, code);
    if (wrong >= 0) throw this.#badRam(layout.trap + wrong, code[wrong], found[wrong]);
    await core.setBreakpoint(layout.trap, io);
    return layout;
  }

  /** Starts a function; arguments go in r0 to r3 (AAPCS). */
  async #call(layout: RamLayout, entry: number, args: readonly number[], io: IoContext): Promise<void> {
    const { core } = this.#target;
    const [r0 = 0, r1 = 0, r2 = 0, r3 = 0] = args;
    const { staticBase: r9, stack: sp, trap, code } = layout;
    await core.writeRegisters({ r0, r1, r2, r3, r9, sp, lr: trap + 1, pc: code + entry, xpsr: XPSR_THUMB }, io);
    await core.resume(io);
  }

  /** Waits for the call's end; an algorithm says 0 when it did what it was asked to. */
  async #expectZero(layout: RamLayout, address: number, name: string, ms: number, io: IoContext): Promise<void> {
    const { core } = this.#target;
    await core.waitForHalt(CALL_MS + ms * PATIENCE, io);
    const { pc = 0, r0 = 1 } = await core.readRegisters(['pc', 'r0'], io);
    if (pc !== layout.trap) {
      const cause = `the algorithm's ${name} for ${hexAddress(address)} did not return`;
      throw new FlashlineError('target-fault', { where: { address: pc }, params: { address: hexAddress(pc) }, cause });
    }
    if (r0 === 0) return;
    const cause = `the algorithm's ${name} says ${r0}`;
    throw new FlashlineError('flash-refused', { where: { address }, params: { address: hexAddress(address) }, cause });
  }

  #badRam(address: number, expected = 0, found = 0): FlashlineError {
    const params = { address: hexAddress(address), expected: hexByte(expected), found: hexByte(found) };
    return new FlashlineError('verify-mismatch', { where: { address }, params });
  }

  #unsuited(detail: string): FlashlineError {
    return new FlashlineError('chip-invalid', { params: { file: this.#target.chip.id, detail } });
  }
}

interface RamLayout {
  readonly trap: number;
  readonly code: number;
  readonly staticBase: number;
  /** Initial stack pointer: the stack's end. */
  readonly stack: number;
  readonly buffers: readonly number[];
}

/** Undefined when not even one buffer fits. `overlap`: memory can be written while the core runs. */
function layOutRam({ flm, ram }: PlacedFlm, overlap: boolean): RamLayout | undefined {
  const trap = Math.ceil(ram.start / 4) * 4;
  const code = trap + TRAP.length;
  // AAPCS: the stack is 8-byte aligned at a call.
  const stack = Math.ceil((code + flm.code.length + STACK) / 8) * 8;
  const page = Math.ceil(flm.pageSize / 4) * 4;
  const fits = Math.floor((ram.start + ram.size - stack) / page);
  if (fits < 1) return undefined;
  const buffers = Array.from({ length: Math.min(fits, overlap ? 2 : 1) }, (_, index) => stack + index * page);
  return { trap, code, staticBase: code + flm.staticBase, stack, buffers };
}

/** What differs from erased, cut at the algorithm's pages. */
function* pagesOf(memory: FlashMemory, address: number, bytes: Uint8Array, pageSize: number) {
  for (const run of programRuns(memory, address, bytes)) {
    for (let at = 0; at < run.bytes.length;) {
      const from = run.address + at;
      const room = pageSize - ((from - memory.start) % pageSize);
      const part = run.bytes.subarray(at, at + room);
      yield { address: from, bytes: part };
      at += part.length;
    }
  }
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
