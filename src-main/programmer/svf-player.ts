import { assertNever } from '#shared/base/assert-never.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { bitsToHex, firstMismatch } from '../image/svf-bits.ts';
import { SvfReader, type SvfExpectation, type SvfRunTest, type SvfScan, type SvfStatement } from '../image/svf.ts';
import type { JtagPort } from '../probe/jtag-port.ts';
import { scanBits, TapWalk, type ScanCapture } from '../probe/jtag/tap-walk.ts';

export interface SvfOptions {
  /** The file's name, for messages. */
  readonly file: string;
  /** TCK is never faster than this, whatever the file says; it starts with it. */
  readonly maxHz: number;
  /** Bytes of the file that are played, as packets go out. */
  readonly progress?: (bytes: number) => void;
}

/** What was done, for people and records. */
export interface SvfSummary {
  readonly statements: number;
  readonly scans: number;
  /** Scans whose TDO was compared. */
  readonly compared: number;
  /** TCK cycles. */
  readonly cycles: number;
}

interface Check extends ScanCapture {
  readonly line: number;
  readonly header: number;
  readonly expected: SvfExpectation;
}

/** As many clocks go to the port at once: many packets of any probe, and a bound on what waits in memory. */
const CYCLES_AT_ONCE = 2 ** 17;
/** A wait of up to so many clocks is cheaper clocked, in the packets under way, than slept after they came back. */
const CLOCKED_WAIT = 2048;
/** Digits of a mismatch that are shown. */
const SHOWN_BITS = 64;

/**
 * Plays an SVF file (specification revision E) on a probe's JTAG pins. Rejects with `svf-syntax`, `svf-unsupported` or
 * `svf-mismatch` at the exact line, and with what the port rejects with. The controllers end in Test-Logic-Reset,
 * whatever happens, unless the probe is gone.
 */
export async function playSvf(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  port: JtagPort,
  options: SvfOptions,
  io: IoContext,
): Promise<SvfSummary> {
  const player = new SvfPlayer(port, options, io);
  const reader = new SvfReader(options.file);
  await player.start();
  try {
    for await (const piece of bytes) {
      for (const statement of reader.push(piece)) await player.play(statement);
    }
    reader.end();
    await player.finish();
  } catch (error) {
    await player.leave();
    throw error;
  }
  return player.summary;
}

class SvfPlayer {
  readonly #port: JtagPort;
  readonly #options: SvfOptions;
  readonly #io: IoContext;
  readonly #walk = new TapWalk();
  #hz = 0;
  #checks: Check[] = [];
  #instruction: SvfScan | undefined;
  #reached = 0;
  #statements = 0;
  #scans = 0;
  #compared = 0;
  #cycles = 0;

  constructor(port: JtagPort, options: SvfOptions, io: IoContext) {
    this.#port = port;
    this.#options = options;
    this.#io = io;
  }

  get summary(): SvfSummary {
    return { statements: this.#statements, scans: this.#scans, compared: this.#compared, cycles: this.#cycles };
  }

  async start(): Promise<void> {
    this.#hz = await this.#port.connect(this.#options.maxHz, this.#io);
    this.#walk.reset();
  }

  async finish(): Promise<void> {
    await this.#flush();
    this.#walk.reset();
    await this.#flush();
  }

  /** After a failure: no programming goes on in a part whose controller is reset. What fails here explains nothing more. */
  async leave(): Promise<void> {
    const quiet: IoContext = { clock: this.#io.clock, signal: new AbortController().signal };
    this.#walk.take();
    this.#walk.reset();
    try {
      await this.#port.sequence(this.#walk.take(), quiet);
    } catch (secondary) {
      if (!(secondary instanceof FlashlineError)) throw secondary;
    }
  }

  async play(statement: SvfStatement): Promise<void> {
    this.#statements++;
    switch (statement.kind) {
      case 'scan':
        await this.#scan(statement, statement.line);
        break;
      case 'run-test':
        await this.#runTest(statement, statement.line);
        break;
      case 'state':
        this.#states(statement);
        break;
      case 'frequency':
        await this.#flush();
        this.#hz = await this.#port.setClock(Math.min(statement.hz, this.#options.maxHz), this.#io);
        break;
      case 'test-reset':
        await this.#testReset(statement.mode);
        break;
      case 'parallel':
        throw this.#unsupported(statement.line, 'parallel pins (PIO)');
      default:
        assertNever(statement, 'statement');
    }
    this.#reached = statement.fileEnd;
    if (this.#walk.cycles >= CYCLES_AT_ONCE) await this.#flush();
  }

  async #scan(scan: SvfScan, line: number): Promise<void> {
    // No part is instructed anew before it is known that what it said so far was right.
    if (scan.register === 'ir' && this.#checks.length > 0 && !sameBits(scan, this.#instruction)) await this.#flush();
    if (scan.register === 'ir') this.#instruction = scan;
    const { register, tdi, bits, end, expected, header } = scan;
    const capture = this.#walk.scan(register, tdi, bits, end, expected !== undefined);
    this.#scans++;
    if (expected) this.#checks.push({ ...capture, line, header, expected });
  }

  /** Both hold: as many clocks, and as much time, in the state. */
  async #runTest(run: SvfRunTest, line: number): Promise<void> {
    if (run.clock === 'sck' && run.clocks > 0) throw this.#unsupported(line, 'clocks of the system clock (SCK)');
    if (run.state !== this.#walk.state) this.#walk.goTo(run.state);
    const waiting = Math.ceil(run.minSeconds * this.#hz);
    const slept = waiting > CLOCKED_WAIT && waiting > run.clocks;
    await this.#hold(slept ? run.clocks : Math.max(run.clocks, waiting));
    if (slept) {
      await this.#flush();
      await this.#io.clock.sleep(run.minSeconds * 1000, this.#io.signal);
    }
    if (run.end !== this.#walk.state) this.#walk.goTo(run.end);
  }

  /** In pieces, so that a long hold can be aborted, and no more waits in memory than for a scan. */
  async #hold(clocks: number): Promise<void> {
    for (let left = clocks; left > 0; left -= CYCLES_AT_ONCE) {
      this.#walk.hold(Math.min(left, CYCLES_AT_ONCE));
      if (left > CYCLES_AT_ONCE) await this.#flush();
    }
  }

  #states({ path, line }: Extract<SvfStatement, { kind: 'state' }>): void {
    const [first] = path;
    if (first && path.length === 1) {
      if (first !== 'idle' || this.#walk.state !== 'idle') this.#walk.goTo(first);
      return;
    }
    for (const state of path) {
      if (this.#walk.step(state)) continue;
      const from = this.#walk.state.toUpperCase();
      throw new FlashlineError('svf-syntax', {
        where: { file: this.#options.file, line },
        params: { expected: `a path from ${from}, not to ${state.toUpperCase()} at once` },
      });
    }
  }

  async #testReset(mode: 'on' | 'off' | 'z' | 'absent'): Promise<void> {
    if (mode === 'absent') return;
    await this.#flush();
    await this.#port.drive('trst', mode === 'on', this.#io);
    if (mode === 'on') this.#walk.reset();
  }

  /** Sends what waits, compares what came back, and tells how far the file is played. */
  async #flush(): Promise<void> {
    const checks = this.#checks;
    this.#checks = [];
    this.#cycles += this.#walk.cycles;
    const stretches = this.#walk.take();
    if (stretches.length > 0) {
      const captured = await this.#port.sequence(stretches, this.#io);
      for (const check of checks) this.#compare(check, scanBits(captured, check));
    }
    this.#options.progress?.(this.#reached);
  }

  #compare({ bits, line, header, expected: { tdo, mask } }: Check, found: Uint8Array): void {
    this.#compared++;
    const at = firstMismatch(found, tdo, mask);
    if (at < 0) return;
    // Whole digits around the bit, as the file writes them.
    const from = bits <= SHOWN_BITS ? 0 : Math.max(0, at - SHOWN_BITS / 2) & ~7;
    const shown = (all: Uint8Array) => {
      const count = Math.min(SHOWN_BITS, bits - from);
      return bitsToHex(all.subarray(from / 8, Math.ceil((from + count) / 8)), count);
    };
    throw new FlashlineError('svf-mismatch', {
      where: { file: this.#options.file, line },
      params: { bit: at - header, expected: shown(tdo), found: shown(found), mask: shown(mask) },
    });
  }

  #unsupported(line: number, detail: string): FlashlineError {
    return new FlashlineError('svf-unsupported', { where: { file: this.#options.file, line }, params: { detail } });
  }
}

function sameBits(scan: SvfScan, before: SvfScan | undefined): boolean {
  return (
    before !== undefined && scan.bits === before.bits && scan.tdi.every((byte, index) => byte === before.tdi[index])
  );
}
