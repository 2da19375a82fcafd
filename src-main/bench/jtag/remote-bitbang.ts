import type { Board } from '../board.ts';
import { serveTcp, type TcpOptions, type TcpServer } from '../tcp-server.ts';
import { toNs, usToNs } from '../virtual-clock.ts';

/** What a byte costs: about what a USB bridge with GPIO pins does, 500 000 edges a second. */
const WRITE_NS = usToNs(2);

/**
 * The pins of a board as OpenOCD's `remote_bitbang` speaks of them: '0'-'7' set TCK (4), TMS (2), TDI (1); 'R' asks for
 * TDO; 'r' to 'u' set nTRST and nSRST; 'B' and 'b' a light; 'Q' ends. Time that passes between two pieces on a real clock
 * passes here too, however far the clocks of the pins have run ahead: who sleeps finds that it helped.
 */
class BitbangSession {
  readonly #board: Board;
  readonly #realMs: () => number;
  /** When the last piece was done. */
  #quietSince: number;
  #clockHigh = false;
  ended = false;

  /** `realMs`: monotonic milliseconds of the real world. */
  constructor(board: Board, realMs: () => number) {
    this.#board = board;
    this.#realMs = realMs;
    this.#quietSince = realMs();
  }

  /** Answers in order; unknown bytes are passed over, as OpenOCD's own servers do. */
  receive(bytes: Uint8Array): Uint8Array {
    this.#board.clock.advance(toNs(this.#realMs() - this.#quietSince));
    const out: number[] = [];
    for (const byte of bytes) {
      const command = String.fromCodePoint(byte);
      if (command >= '0' && command <= '7') this.#pins(byte & 7);
      else if (command >= 'r' && command <= 'u') this.#resets(byte - 0x72);
      else if (command === 'R') out.push(this.#board.line.tdo ? 0x31 : 0x30);
      else if (command === 'Q') this.ended = true;
    }
    this.#quietSince = this.#realMs();
    return Uint8Array.from(out);
  }

  #pins(levels: number): void {
    const { line, clock } = this.#board;
    const high = (levels & 4) !== 0;
    if (high && !this.#clockHigh) line.clock(levels & 2 ? 1 : 0, clock.elapsedNs, levels & 1 ? 1 : 0);
    this.#clockHigh = high;
    clock.advance(WRITE_NS);
  }

  /** Bit 1 asserts nTRST, bit 0 nSRST. */
  #resets(asserted: number): void {
    const { line, clock, chip } = this.#board;
    line.testReset((asserted & 2) !== 0, clock.elapsedNs);
    if (chip.powered) chip.resetPin((asserted & 1) !== 0, clock.elapsedNs);
  }
}

/** Offers a board's pins to OpenOCD (`adapter driver remote_bitbang`). Rejects with the socket's error when the port cannot be had. */
export function serveBitbang({ board, ...where }: TcpOptions & { readonly board: Board }): Promise<TcpServer> {
  return serveTcp(where, (socket) => {
    const session = new BitbangSession(board, () => performance.now());
    socket.on('data', (chunk) => {
      const reply = session.receive(chunk);
      if (reply.length > 0) socket.write(reply);
      if (session.ended) socket.end();
    });
  });
}
