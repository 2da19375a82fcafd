import { createServer, type Server, type Socket } from 'node:net';
import { toNs, usToNs, type VirtualClock } from '#main/bench/virtual-clock.ts';
import type { SwdLine } from '#main/bench/swd-line.ts';

/** Raw-wire at its fastest, 400 kHz. */
const BIT_NS = usToNs(2.5);
const OK = 1;

type Mode = 'terminal' | 'bitbang' | 'raw';

/**
 * A Bus Pirate in its binary raw-wire mode (two wires, lowest bit first), as far as OpenOCD's driver uses it: every
 * bit goes to the bench's SWD line one clock at a time. It samples after the rising edge, where the target already
 * drives its next bit.
 */
export class BusPirate {
  readonly #line: SwdLine;
  readonly #clock: VirtualClock;
  #mode: Mode = 'terminal';
  #zeros = 0;
  /** Bytes of a bulk write that are still to come. */
  #bulk = 0;
  readonly #openedAt = performance.now();
  readonly #haste: number;

  /** `haste`: how many milliseconds pass on the bench in one of the real clock, so that nobody sits through an erase. */
  constructor(line: SwdLine, clock: VirtualClock, haste = 1) {
    this.#haste = haste;
    this.#line = line;
    this.#clock = clock;
  }

  /** Bits cost their time, and who sleeps between them on a real clock finds that time passed here too. */
  receive(bytes: Uint8Array): Uint8Array {
    this.#clock.advanceTo(toNs((performance.now() - this.#openedAt) * this.#haste));
    const out: number[] = [];
    for (const byte of bytes) out.push(...this.#byte(byte));
    return Uint8Array.from(out);
  }

  #byte(byte: number): readonly number[] {
    if (this.#mode === 'terminal') return this.#terminal(byte);
    if (this.#mode === 'bitbang') return this.#bitbang(byte);
    if (this.#bulk === 0) return this.#raw(byte);
    this.#bulk--;
    for (let bit = 0; bit < 8; bit++) this.#tick((byte >> bit) & 1 ? 1 : 0);
    return [OK];
  }

  /** Twenty zeros in a row lead to bitbang mode. */
  #terminal(byte: number): readonly number[] {
    this.#zeros = byte === 0 ? this.#zeros + 1 : 0;
    if (this.#zeros < 20) return [];
    this.#zeros = 0;
    this.#mode = 'bitbang';
    return text('BBIO1');
  }

  #bitbang(byte: number): readonly number[] {
    if (byte === 0) return text('BBIO1');
    if (byte === 0x05) {
      this.#mode = 'raw';
      return text('RAW1');
    }
    if (byte === 0x0f) this.#mode = 'terminal';
    return [OK];
  }

  #raw(byte: number): readonly number[] {
    if (byte === 0x00) {
      this.#mode = 'bitbang';
      return text('BBIO1');
    }
    if (byte === 0x06) return [this.#readByte()];
    if (byte === 0x07) return [this.#readBit()];
    const low = byte & 0x0f;
    if (byte >> 4 === 1) this.#bulk = low + 1;
    if (byte >> 4 === 2) for (let i = 0; i <= low; i++) this.#tick(null);
    // 4x peripherals, 6x speed, 8x pins: there is nothing to set.
    return [OK];
  }

  #readByte(): number {
    let value = 0;
    for (let bit = 0; bit < 8; bit++) value |= this.#readBit() << bit;
    return value;
  }

  #readBit(): 0 | 1 {
    this.#tick(null);
    return this.#line.driven ?? 1;
  }

  #tick(host: 0 | 1 | null): void {
    this.#line.clock(host, this.#clock.elapsedNs);
    this.#clock.advance(BIT_NS);
  }
}

/** Offers a Bus Pirate on a unix socket; socat makes a terminal of it. */
export async function listenBusPirate(
  path: string,
  line: SwdLine,
  clock: VirtualClock,
  haste = 1,
): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const pirate = new BusPirate(line, clock, haste);
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => socket.write(pirate.receive(chunk)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function text(value: string): readonly number[] {
  return [...Buffer.from(value, 'latin1')];
}
