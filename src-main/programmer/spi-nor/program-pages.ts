import type { IoContext } from '#shared/base/clock.ts';
import type { SpiTransfer } from '../../probe/spi-port.ts';
import type { ProgramRun } from '../../plan/contents.ts';
import { addressed, ask, statusAfter, writeEnable } from './nor-commands.ts';
import { type NorChip, timeout } from './nor-chip.ts';
import type { NorParts } from './nor-parts.ts';

/** Pages in one batch of transfers: 64 KiB of data, which any link takes well within a second or two. */
const MOST_PAGES = 256;
const MOST_FILLER = 8192;
/** Parts of the typical time that the first pages are given, to see how much of it the link itself already takes. */
const TRIALS = [1.3, 1, 0.75, 0.5, 0.35, 0.2, 0.1, 0];
/** Over what was enough in the trial, and what is added where it was not. */
const MARGIN = 1.15;
/** A page with less in it says nothing of a full one. */
const TELLING = 200;
/** Of a page's typical time; data sheets' worst are about ten. */
const PATIENCE = 20;
const LEAST_PATIENCE_MS = 100;
/** Batches of which the chip was too busy for every page. */
const MOST_STANDSTILLS = 20;

/**
 * Programs pages many at a time: between two of them the batch has a status read with so many bytes in front that the first
 * is over by then, going by the time that pages have been seen to need. Bytes written, not read, are what fills: they
 * hold up the adapter for as long as they take on the link or on the chip's wires, whichever is slower, and come at no cost
 * where the link is so slow that none are needed. An adapter that waits by itself is told to wait for as long. A page that takes longer costs nothing but time: a busy chip ignores both
 * write enable and program, its status says that it was busy, and the next page goes with the next batch.
 */
export class PageProgrammer {
  readonly #chip: NorChip;
  readonly #parts: NorParts;
  /** Bytes before the status; undefined until pages were timed. */
  #filler: number | undefined;

  constructor(chip: NorChip, parts: NorParts) {
    this.#chip = chip;
    this.#parts = parts;
  }

  /** `runs` by the chip's own addresses. `done` is told the bytes of each page that was taken. */
  async program(runs: readonly ProgramRun[], io: IoContext, done: (page: ProgramRun) => void): Promise<void> {
    const pages = runs.flatMap((run) => splitAtPages(run, this.#parts.page));
    const patience = Math.max(LEAST_PATIENCE_MS, (this.#parts.programUs / 1000) * PATIENCE);
    let standstills = 0;
    for (let from = 0; from < pages.length;) {
      const trial = this.#filler === undefined && pages.slice(from, from + TRIALS.length).every(isTelling);
      const batch = pages.slice(from, from + (trial ? TRIALS.length : MOST_PAGES));
      from += batch.length;
      const waiting = await this.#send(batch, trial, io);
      const again = new Set(waiting);
      for (const page of batch) if (!again.has(page)) done(page);
      pages.push(...waiting);
      standstills = waiting.length === batch.length ? standstills + 1 : 0;
      const address = batch[0]?.address ?? 0;
      if (waiting.length > 0 || from >= pages.length) await this.#chip.waitReady(address, patience, io);
      if (from >= pages.length) await this.#chip.requireDone(pages[0]?.address ?? address, io);
      if (standstills >= MOST_STANDSTILLS) throw timeout(address, patience);
    }
  }

  /** Resolves to the pages that the chip was too busy for. */
  async #send(batch: readonly ProgramRun[], trial: boolean, io: IoContext): Promise<ProgramRun[]> {
    const { program } = this.#parts.instructions;
    const fillers = batch.map((_, index) => (trial ? this.#bytesIn(TRIALS[index] ?? 1) : this.#fillerNow()));
    const register = this.#chip.readyRegister;
    const transfers: SpiTransfer[] = [ask(register, 1)];
    for (const [index, { address, bytes }] of batch.entries()) {
      transfers.push(writeEnable, addressed(program, address, { data: bytes }), this.#statusAfter(fillers[index] ?? 0));
    }
    const answers = await this.#chip.port.transfer(transfers, io);
    const waiting: ProgramRun[] = [];
    const enough: number[] = [];
    let overrun = false;
    let before = this.#isBusy(answers[0]);
    for (const [index, page] of batch.entries()) {
      const samples = answers[3 + index * 3] ?? new Uint8Array();
      this.#chip.requirePresent(samples);
      const after = this.#isBusy(samples);
      if (before) waiting.push(page);
      else if (!after) enough.push(fillers[index] ?? 0);
      else overrun = true;
      before = after;
    }
    if (trial) this.#filler = Math.ceil((enough.length > 0 ? Math.min(...enough) : this.#bytesIn(2)) * MARGIN);
    else if (overrun) this.#filler = Math.min(MOST_FILLER, Math.ceil(this.#fillerNow() * MARGIN) + 16);
    return waiting;
  }

  /** Where the adapter waits by itself the link is free meanwhile for what comes next. */
  #statusAfter(filler: number): SpiTransfer {
    const { port, readyRegister } = this.#chip;
    if (!port.delays) return statusAfter(filler, readyRegister);
    return { ...ask(readyRegister, 1), beforeUs: Math.ceil((filler * 8e6) / this.#hz) };
  }

  get #hz(): number {
    return this.#chip.clockHz === 0 ? 1_000_000 : this.#chip.clockHz;
  }

  #isBusy(samples: Uint8Array | undefined): boolean {
    const last = samples?.at(-1);
    return last === undefined || this.#chip.isBusy(last);
  }

  #fillerNow(): number {
    return this.#filler ?? this.#bytesIn(TRIALS[0] ?? 1);
  }

  /** As many bytes as go over the chip's wires in that part of a page's typical time. */
  #bytesIn(part: number): number {
    const most = Math.min(MOST_FILLER, this.#chip.port.limits.write - 1);
    return Math.min(most, Math.ceil((this.#parts.programUs * part * this.#hz) / 8e6));
  }
}

function isTelling({ bytes }: ProgramRun): boolean {
  return bytes.length >= TELLING;
}

/** A program instruction that runs over a page's end goes on at its start. */
function splitAtPages({ address, bytes }: ProgramRun, page: number): ProgramRun[] {
  const parts: ProgramRun[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = Math.min(bytes.length - at, page - ((address + at) % page));
    parts.push({ address: address + at, bytes: bytes.subarray(at, at + size) });
    at += size;
  }
  return parts;
}
