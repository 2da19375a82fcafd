import type { IoContext } from '#shared/base/clock.ts';
import type { SpiTransfer } from '../../probe/spi-port.ts';
import type { ProgramRun } from '../../plan/contents.ts';
import { addressed, BUSY, status, WRITE_ENABLED, writeEnable } from './nor-commands.ts';
import { type NorChip, refused, timeout } from './nor-chip.ts';
import type { NorParts } from './nor-parts.ts';

/** Pages in one batch of transfers: 64 KiB of data, which any link takes well within a second or two. */
const MOST_PAGES = 256;
const MOST_SAMPLES = 4096;
/** Between what was needed at most and what is asked for. */
const MARGIN = 1.3;
/** Of a page's typical time; data sheets' worst are about ten. */
const PATIENCE = 20;
const LEAST_PATIENCE_MS = 100;
/** Times that the chip may refuse the same pages. */
const MOST_REFUSALS = 3;

/**
 * Programs pages many at a time: between two of them the batch holds so many bytes of status that the first is over, as
 * long as it keeps to the time that pages have been seen to need. One that does not costs nothing but time: a busy chip
 * ignores both write enable and program, its status says that it did, and the page goes with the next batch.
 */
export class PageProgrammer {
  readonly #chip: NorChip;
  readonly #parts: NorParts;
  /** Bytes of status after a page; undefined until one was timed. */
  #samples: number | undefined;

  constructor(chip: NorChip, parts: NorParts) {
    this.#chip = chip;
    this.#parts = parts;
  }

  /** `runs` by the chip's own addresses. `done` is told the bytes of each page that was taken. */
  async program(runs: readonly ProgramRun[], io: IoContext, done: (page: ProgramRun) => void): Promise<void> {
    const pages = runs.flatMap((run) => splitAtPages(run, this.#parts.page));
    const patience = Math.max(LEAST_PATIENCE_MS, (this.#parts.programUs / 1000) * PATIENCE);
    let refusals = 0;
    while (pages.length > 0) {
      const batch = pages.splice(0, this.#samples === undefined ? 1 : MOST_PAGES);
      const { waiting, refusing } = await this.#send(batch, io);
      const again = new Set([...waiting, ...refusing]);
      for (const page of batch) if (!again.has(page)) done(page);
      pages.unshift(...batch.filter((page) => again.has(page)));
      const [stubborn] = refusing;
      refusals = again.size === batch.length ? refusals + 1 : 0;
      if (stubborn && refusals >= MOST_REFUSALS) throw refused(stubborn.address, 'the write enable latch stays set');
      if (waiting.length > 0) await this.#chip.waitReady(batch[0]?.address ?? 0, patience, io);
      if (refusals >= MOST_REFUSALS * 4) throw timeout(batch[0]?.address ?? 0, patience);
    }
  }

  /** Resolves to the pages that the chip was too busy for, and to those that it did not begin although it was ready. */
  async #send(batch: readonly ProgramRun[], io: IoContext) {
    const samples = this.#samples ?? this.#guess();
    const poll = status(samples);
    const transfers: SpiTransfer[] = [status(1)];
    for (const { address, bytes } of batch) {
      transfers.push(writeEnable, addressed(this.#parts.instructions.program, address, { data: bytes }), poll);
    }
    const answers = await this.#chip.port.transfer(transfers, io);
    const waiting: ProgramRun[] = [];
    const refusing: ProgramRun[] = [];
    let needed = 1;
    let overrun = false;
    let before = answers[0];
    for (const [index, page] of batch.entries()) {
      const after = answers[3 + index * 3] ?? new Uint8Array();
      this.#chip.requirePresent(after);
      const last = after.at(-1) ?? BUSY;
      if (((before?.at(-1) ?? BUSY) & BUSY) !== 0) waiting.push(page);
      else if ((last & (BUSY | WRITE_ENABLED)) === WRITE_ENABLED) refusing.push(page);
      else if ((last & BUSY) === 0) needed = Math.max(needed, after.findIndex((sample) => (sample & BUSY) === 0) + 1);
      if ((last & BUSY) !== 0) overrun = true;
      before = after;
    }
    this.#adapt(samples, overrun ? samples * 2 : Math.ceil(needed * MARGIN));
    return { waiting, refusing };
  }

  /** Down only step by step: a page of few bytes is quick and says little of the next. */
  #adapt(used: number, wanted: number): void {
    this.#samples = Math.min(MOST_SAMPLES, Math.max(wanted, this.#samples === undefined ? 1 : Math.floor(used / 2)));
  }

  /** As many bytes as go over the wire in a page's typical time. */
  #guess(): number {
    const hz = this.#chip.clockHz === 0 ? 1_000_000 : this.#chip.clockHz;
    return Math.min(MOST_SAMPLES, Math.max(1, Math.ceil((this.#parts.programUs * hz * MARGIN) / 8e6)));
  }
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
