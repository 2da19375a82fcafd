import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { DebugPort, JtagWire, Match, Transfer, Wire, WireClock } from '../debug-port.ts';
import type { JtagPort, JtagStretch } from '../jtag-port.ts';
import type { Progress } from '../memory-access.ts';
import { type Access, accessesOf, type Answer, DpScans } from './dp-scans.ts';
import { TapWalk } from './tap-walk.ts';

/** CTRL/STAT (ADIv5.2 B2.2.2). A JTAG-DP clears a sticky flag where a one is written. */
const CTRL_STAT = 4;
const SELECT = 8;
const RDBUFF = 0xc;
const ORUNDETECT = 1 << 0;
const STICKYORUN = 1 << 1;
const STICKYCMP = 1 << 4;
const STICKYERR = 1 << 5;
const DPBANKSEL = 0xf;
/** ABORT: DAPABORT, and the flags (ADIv5.2 B2.2.1). */
const ABORT_STUCK = 0x1f;

/** Scans that go to the port at once: more packets than a probe holds, and a bound on what an overrun repeats. */
const SCANS_AT_ONCE = 128;
const WAIT_MS = 200;
const POLL_MS = 100;
/** At least 50 ones and the sixteen bits that hand the pins to JTAG (0xE73C, lowest first; ADIv5.2 B5.2.2). */
const SWD_TO_JTAG: readonly JtagStretch[] = [
  { tms: 1, cycles: 56 },
  { tms: 0, cycles: 2 },
  { tms: 1, cycles: 4 },
  { tms: 0, cycles: 2 },
  { tms: 1, cycles: 3 },
  { tms: 0, cycles: 2 },
  { tms: 1, cycles: 3 },
];

export interface RawProbe {
  readonly url: string;
  readonly description: ReturnType<DebugPort['describe']>;
}

/**
 * A JTAG-DP (ADIv5.2 B3) behind nothing but JTAG pins, for probes that do not know debug ports themselves. Accesses go
 * out in long rows; overrun detection makes that safe: once one was answered WAIT the port drops the AP accesses behind
 * it, and the row is taken up again from there.
 */
export class RawDebugPort implements DebugPort {
  readonly #port: JtagPort;
  readonly #probe: RawProbe;
  readonly #walk = new TapWalk();
  #scans: DpScans | undefined;
  #clock: WireClock | undefined;
  /** SELECT and CTRL/STAT as last written. */
  #select = 0;
  #control = ORUNDETECT;

  constructor(port: JtagPort, probe: RawProbe) {
    this.#port = port;
    this.#probe = probe;
  }

  async connect(wire: Wire, io: IoContext): Promise<number> {
    if (wire.protocol !== 'jtag') {
      throw new FlashlineError('probe-unsuited', { params: { url: this.#probe.url, detail: 'it does not offer SWD' } });
    }
    this.#clock = { askedHz: wire.clockHz, usedHz: await this.#port.connect(wire.clockHz, io) };
    await this.#port.sequence(SWD_TO_JTAG, io);
    this.#scans = this.#reset(wire);
    this.#select = 0;
    this.#control = ORUNDETECT;
    const [, , dpidr = 0] = await this.#carry(
      [
        write(SELECT, 0),
        write(CTRL_STAT, ORUNDETECT | STICKYORUN | STICKYCMP | STICKYERR),
        { ap: false, read: true, address: 0, value: 0 },
      ],
      io,
    );
    // A JTAG-DP of the first version has no DPIDR (ADIv5.2 B2.2.5); its IDCODE says the same of it.
    return dpidr === 0 ? this.#idcode(io) : dpidr;
  }

  async transfer(batch: readonly Transfer[], io: IoContext, progress?: Progress): Promise<Uint32Array> {
    const words: number[] = [];
    let bytesDone = 0;
    let row: Access[] = [];
    const send = async () => {
      const accesses = row;
      row = [];
      if (accesses.length === 0) return;
      const results = await this.#checked(accesses, io);
      for (const [index, { read }] of accesses.entries()) if (read) words.push(results[index] ?? 0);
    };
    for (const transfer of batch) {
      if ('matchMask' in transfer) {
        await send();
        if (!(await this.#match(transfer, io))) throw stuck(POLL_MS);
        continue;
      }
      const counted = 'readCount' in transfer || 'words' in transfer;
      for (const access of accessesOf(transfer)) {
        row.push(access);
        if (counted) bytesDone += 4;
        if (row.length < SCANS_AT_ONCE) continue;
        await send();
        if (counted) progress?.(bytesDone);
      }
    }
    await send();
    if (bytesDone > 0) progress?.(bytesDone);
    return Uint32Array.from(words);
  }

  async poll(before: readonly Transfer[], match: Match, io: IoContext): Promise<boolean> {
    await this.transfer(before, io);
    return this.#match(match, io);
  }

  readBlock(address: number, count: number, io: IoContext, progress?: Progress): Promise<Uint32Array> {
    return this.transfer([{ port: 'ap', address, readCount: count }], io, progress);
  }

  async writeBlock(address: number, words: Uint32Array, io: IoContext, progress?: Progress): Promise<void> {
    await this.transfer([{ port: 'ap', address, words }], io, progress);
  }

  async pulseReset(ms: number, io: IoContext): Promise<void> {
    await this.#port.drive('srst', true, io);
    try {
      await io.clock.sleep(ms, io.signal);
    } finally {
      await this.#port.drive('srst', false, quiet(io));
    }
  }

  /** JTAG pins alone cannot tell whether the line follows. */
  async reset(asserted: boolean, io: IoContext): Promise<boolean> {
    await this.#port.drive('srst', asserted, io);
    return false;
  }

  wireClock(): WireClock | undefined {
    return this.#clock;
  }

  describe(): ReturnType<DebugPort['describe']> {
    return this.#probe.description;
  }

  close(io: IoContext): Promise<void> {
    return this.#port.close(io);
  }

  /** Several reads a round trip; the first that matches ends it. */
  async #match({ port, address, matchMask, matchValue }: Match, io: IoContext): Promise<boolean> {
    const ATTEMPTS = 8;
    const deadline = io.clock.monotonic() + POLL_MS;
    const reads = Array.from({ length: ATTEMPTS }, () => ({ ap: port === 'ap', read: true, address, value: 0 }));
    do {
      const words = await this.#checked(reads, io);
      if (words.some((word) => ((word & matchMask) ^ matchValue) >>> 0 === 0)) return true;
    } while (io.clock.monotonic() < deadline);
    return false;
  }

  /** As `#carry`, and looks for errors afterwards; after one the port is usable again. */
  async #checked(accesses: readonly Access[], io: IoContext): Promise<readonly number[]> {
    const results = await this.#carry(accesses, io);
    const select = this.#select;
    const banked = (select & DPBANKSEL) !== 0;
    const look = { ap: false, read: true, address: CTRL_STAT, value: 0 };
    const tail = banked ? [write(SELECT, select & ~DPBANKSEL), look, write(SELECT, select)] : [look];
    const status = (await this.#carry(tail, io))[banked ? 1 : 0] ?? 0;
    if (status & STICKYERR) {
      await this.#clear(STICKYERR, io);
      // The memory access port knows which address that was, and fills it in.
      throw new FlashlineError('target-fault', { params: { address: 'debug port' } });
    }
    return results;
  }

  /** Each access's word (0 for a write). What is answered WAIT is sent again until it is taken. */
  async #carry(wanted: readonly Access[], io: IoContext): Promise<readonly number[]> {
    const accesses = wanted.map((access) => this.#guarded(access));
    const results: number[] = [];
    let deadline = io.clock.monotonic() + WAIT_MS;
    // One scan more than accesses: it fetches the last one's word.
    const flush: Access = { ap: false, read: true, address: RDBUFF, value: 0 };
    for (let next = 0; results.length < accesses.length;) {
      const row = accesses.slice(next, next + SCANS_AT_ONCE);
      const answers = await this.#exchange([...row, flush], io);
      const refused = answers.findIndex(({ acknowledge }) => acknowledge === 'wait');
      const taken = refused < 0 ? row.length : refused;
      // The first scan's word belongs to what came before this row, which has been fetched.
      const known = answers.slice(1, refused < 0 ? undefined : Math.max(1, refused));
      for (const { word } of known) results.push(word);
      for (const access of row.slice(0, taken)) this.#remember(access);
      next += taken;
      if (refused < 0) continue;
      if (taken > 0) deadline = io.clock.monotonic() + WAIT_MS;
      const late = answers.slice(refused).find(({ acknowledge }) => acknowledge === 'ok');
      const word = await this.#afterOverrun(deadline, late, io);
      if (taken > 0) results.push(word);
    }
    return results;
  }

  /** Overrun detection stays on, whatever is written to CTRL/STAT. */
  #guarded(access: Access): Access {
    return isControl(access) ? { ...access, value: access.value | ORUNDETECT } : access;
  }

  #remember({ ap, read, address, value }: Access): void {
    if (ap || read) return;
    if (address === SELECT) this.#select = value;
    else if (address === CTRL_STAT && (this.#select & DPBANKSEL) === 0) {
      this.#control = value & ~(STICKYORUN | STICKYCMP | STICKYERR);
    }
  }

  /**
   * Waits until the port takes accesses again, clears the overrun and puts SELECT back: DP accesses behind the refused
   * one were carried out. Resolves to the word of the last access that was taken.
   */
  async #afterOverrun(deadline: number, late: Answer | undefined, io: IoContext): Promise<number> {
    const repair = [
      write(SELECT, this.#select & ~DPBANKSEL),
      write(CTRL_STAT, this.#control | STICKYORUN),
      write(SELECT, this.#select),
    ];
    for (let word = late?.word; ;) {
      const answers = await this.#exchange(repair, io);
      word ??= answers.find(({ acknowledge }) => acknowledge === 'ok')?.word;
      if (answers.every(({ acknowledge }) => acknowledge === 'ok')) return word ?? 0;
      if (io.clock.monotonic() < deadline) continue;
      await this.#abort(io);
      throw stuck(WAIT_MS);
    }
  }

  async #exchange(accesses: readonly Access[], io: IoContext): Promise<readonly Answer[]> {
    const scans = this.#scans;
    if (!scans) throw new RangeError('not connected');
    const captures = accesses.map((access) => scans.access(access));
    const captured = await this.#sequence(io);
    const answers = captures.map((capture) => scans.answer(captured, capture));
    if (answers.some(({ acknowledge }) => acknowledge === 'silent')) throw new FlashlineError('no-target');
    return answers;
  }

  async #clear(flags: number, io: IoContext): Promise<void> {
    const select = this.#select;
    await this.#carry(
      [write(SELECT, select & ~DPBANKSEL), write(CTRL_STAT, this.#control | flags), write(SELECT, select)],
      io,
    );
  }

  async #abort(io: IoContext): Promise<void> {
    this.#scans?.abort(ABORT_STUCK);
    await this.#sequence(quiet(io));
    await this.#clear(STICKYORUN | STICKYERR, quiet(io));
  }

  async #idcode(io: IoContext): Promise<number> {
    const capture = this.#scans?.idcode();
    const captured = await this.#sequence(io);
    return capture && this.#scans ? this.#scans.word(captured, capture) : 0;
  }

  async #sequence(io: IoContext): Promise<Uint8Array[]> {
    try {
      return await this.#port.sequence(this.#walk.take(), io);
    } catch (error) {
      // How far the pins got is not known: the next row starts from a reset.
      this.#walk.take();
      this.#walk.goTo('reset');
      this.#scans?.forget();
      throw error;
    }
  }

  #reset(wire: JtagWire): DpScans {
    this.#walk.take();
    this.#walk.goTo('reset');
    this.#walk.goTo('idle');
    return new DpScans(this.#walk, wire);
  }
}

function write(address: number, value: number): Access {
  return { ap: false, read: false, address, value: value >>> 0 };
}

function isControl({ ap, read, address }: Access): boolean {
  return !ap && !read && address === CTRL_STAT;
}

function stuck(ms: number): FlashlineError {
  return new FlashlineError('target-stuck', { params: { seconds: (ms / 1000).toFixed(1) } });
}

function quiet(io: IoContext): IoContext {
  return { clock: io.clock, signal: new AbortController().signal };
}
