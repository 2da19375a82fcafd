import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Board } from '#main/bench/board.ts';
import { bitTime } from '#main/bench/swd-time.ts';
import type { JtagPort, JtagStretch } from '#main/probe/jtag-port.ts';

/** JTAG pins straight on a board of the bench: every clock costs its time, nothing else does. */
export class BenchJtagPort implements JtagPort {
  readonly #board: Board;
  #bitNs = bitTime(1_000_000);
  /** Calls of `sequence` so far, and the one that finds the probe gone. */
  calls = 0;
  lostAt = Infinity;

  constructor(board: Board) {
    this.#board = board;
  }

  async connect(clockHz: number, io: IoContext): Promise<number> {
    return this.setClock(clockHz, io);
  }

  async sequence(stretches: readonly JtagStretch[], io: IoContext): Promise<Uint8Array[]> {
    io.signal.throwIfAborted();
    if (this.calls++ >= this.lostAt) throw new FlashlineError('probe-lost', { params: { url: 'bench' } });
    return stretches.flatMap((stretch) => this.#play(stretch));
  }

  async setClock(clockHz: number, io: IoContext): Promise<number> {
    io.signal.throwIfAborted();
    this.#bitNs = bitTime(clockHz);
    return clockHz;
  }

  async drive(pin: 'trst' | 'srst', asserted: boolean): Promise<void> {
    const { line, chip, clock } = this.#board;
    if (pin === 'trst') line.testReset(asserted, clock.elapsedNs);
    else chip.resetPin(asserted, clock.elapsedNs);
  }

  async close(): Promise<void> {}

  #play({ tms, cycles, tdi, capture }: JtagStretch): Uint8Array[] {
    const { line, clock } = this.#board;
    const heard = new Uint8Array(capture ? Math.ceil(cycles / 8) : 0);
    for (let i = 0; i < cycles; i++) {
      if (capture) heard[i >> 3] = (heard[i >> 3] ?? 0) | (line.tdo << (i & 7));
      line.clock(tms, clock.elapsedNs, ((tdi?.[i >> 3] ?? 0) >> (i & 7)) & 1 ? 1 : 0);
      clock.advance(this.#bitNs);
    }
    return capture ? [heard] : [];
  }
}
