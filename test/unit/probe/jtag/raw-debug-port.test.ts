import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { Board } from '#main/bench/board.ts';
import { type AccessPort, done } from '#main/bench/bus.ts';
import type { ChipFactory } from '#main/bench/chip.ts';
import { DpRegisters } from '#main/bench/dp-registers.ts';
import { Cpld } from '#main/bench/jtag/cpld.ts';
import { jtagDpTap } from '#main/bench/jtag/jtag-dp.ts';
import type { Tap } from '#main/bench/jtag/tap.ts';
import type { SwdLine } from '#main/bench/swd-line.ts';
import type { Transfer } from '#main/probe/debug-port.ts';
import { RawDebugPort } from '#main/probe/jtag/raw-debug-port.ts';
import { BenchJtagPort } from '#test/support/bench-jtag-port.ts';
import { JtagChip } from '#test/support/jtag-chip.ts';

const WIRE = { protocol: 'jtag', clockHz: 10_000_000, irLengths: [4, 5], tap: 0 } as const;
const CSW = 0;
const TAR = 4;
const DRW = 0xc;
const WORD_INCREMENT = 0x23000052;

const PROBE = { url: 'bench', description: { vendor: '', product: '', serial: '', firmware: '' } };

/** One access port: a word at 4, and one at 0xC that takes ten seconds. */
class StuckChip extends Cpld {
  override readonly taps: readonly [Tap];

  constructor(factory: ChipFactory) {
    super(factory);
    let word = 0;
    const accessPort: AccessPort = {
      read: (register, at) => ({ value: word, doneAt: register === DRW ? at + 1e10 : at, fault: false }),
      write: (_, value, at) => {
        word = value;
        return done(at);
      },
    };
    this.taps = [jtagDpTap('dp', 0x4ba00477, new DpRegisters(new Map([[0, accessPort]]), { dpidr: 0x2ba01477 }))];
  }
}

function unit(): Board {
  const board = new Board({ serial: 'J', kind: { make: (factory) => new JtagChip(factory) }, seed: 1, startAt: 0 });
  board.insert([]);
  return board;
}

async function connected() {
  const board = unit();
  const io: IoContext = { clock: board.clock, signal: new AbortController().signal };
  const raw = new BenchJtagPort(board);
  const port = new RawDebugPort(raw, PROBE);
  expect(await port.connect(WIRE, io)).toBe(0x2ba01477);
  await port.transfer([dp(4, 0x50000000), ap(CSW, WORD_INCREMENT)], io);
  return { board, io, raw, port };
}

function dp(address: number, value: number): Transfer {
  return { port: 'dp', address, read: false, value };
}

function ap(address: number, value: number): Transfer {
  return { port: 'ap', address, read: false, value };
}

function read(port: 'ap' | 'dp', address: number): Transfer {
  return { port, address, read: true };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FlashlineError) return error.failure.code;
    throw error;
  }
  return 'none';
}

describe('a debug port behind JTAG pins', () => {
  it('writes and reads blocks longer than a row, with progress', async () => {
    const { io, port } = await connected();
    const words = Uint32Array.from({ length: 300 }, (_, i) => 0x01010101 * (i & 0xff) + i);
    await port.transfer([ap(TAR, 0x20000000)], io);
    const seen: number[] = [];
    await port.writeBlock(DRW, words.subarray(0, 256), io, (bytes) => seen.push(bytes));
    await port.transfer([ap(TAR, 0x20000400), { port: 'ap', address: DRW, words: words.subarray(256) }], io);
    await port.transfer([ap(TAR, 0x20000000)], io);
    expect(await port.readBlock(DRW, 256, io)).toEqual(words.subarray(0, 256));
    expect(seen.at(-1)).toBe(1024);
  });

  it('a bus that stalls costs time, nothing else: rows are taken up where WAIT was answered', async () => {
    const { board, io, port } = await connected();
    await port.transfer([ap(TAR, 0x4001e504), ap(DRW, 2)], io);
    await port.transfer([ap(TAR, 0x4001e508), ap(DRW, 0x5000)], io);
    const from = board.clock.monotonic();
    const words = await port.transfer(
      [
        ap(TAR, 0x5000),
        read('ap', DRW),
        dp(8, 0x01000000),
        read('ap', DRW),
        dp(8, 0),
        ap(TAR, 0x10000100),
        read('ap', DRW),
      ],
      io,
    );
    // CTRL-AP's register 0xC behind the read that stalled, then the part's number.
    expect([...words]).toEqual([0xffffffff, 1, 0x52840]);
    expect(board.clock.monotonic() - from).toBeGreaterThan(80);
  });

  it('a bus that stalls for ever is a target that is stuck; the access is aborted, and the port is usable', async () => {
    const board = new Board({ serial: 'S', kind: { make: (factory) => new StuckChip(factory) }, seed: 1, startAt: 0 });
    board.insert([]);
    const io: IoContext = { clock: board.clock, signal: new AbortController().signal };
    const port = new RawDebugPort(new BenchJtagPort(board), PROBE);
    await port.connect({ ...WIRE, irLengths: [4], clockHz: 1_000_000 }, io);
    await port.transfer([dp(4, 0x50000000), ap(TAR, 7)], io);
    expect(await codeOf(port.transfer([read('ap', TAR), ap(TAR, 8), read('ap', DRW), ap(TAR, 9)], io))).toBe(
      'target-stuck',
    );
    expect([...(await port.transfer([read('ap', TAR), read('dp', 8)], io))]).toEqual([8, 0]);
  });

  it('a fault is found though no scan says so, and cleared', async () => {
    const { io, port } = await connected();
    expect(await codeOf(port.transfer([ap(TAR, 0x60000000), read('ap', DRW)], io))).toBe('target-fault');
    await port.transfer([ap(TAR, 0x20000000), ap(DRW, 77), ap(TAR, 0x20000000)], io);
    expect([...(await port.readBlock(DRW, 1, io))]).toEqual([77]);
    await port.transfer([dp(8, 0xf1)], io);
    expect(await codeOf(port.transfer([read('dp', 4)], io))).toBe('none');
  });

  it('polls until it matches, and says when it does not', async () => {
    const { io, port } = await connected();
    await port.transfer([ap(TAR, 0x4001e504), ap(DRW, 2), ap(TAR, 0x4001e508), ap(DRW, 0x1000)], io);
    const csw = ap(CSW, 0x23000042);
    const match = { port: 'ap', address: DRW, matchMask: 1, matchValue: 1 } as const;
    expect(await port.poll([csw, ap(TAR, 0x4001e400)], match, io)).toBe(true);
    expect(await port.poll([ap(TAR, 0x20000000), ap(DRW, 0)], match, io)).toBe(false);
    expect(await codeOf(port.transfer([match], io))).toBe('target-stuck');
  });

  it('nobody there is no target; serial wire is another probe’s', async () => {
    const { board, io, port } = await connected();
    expect(await codeOf(port.connect({ protocol: 'swd', clockHz: 1 }, io))).toBe('probe-unsuited');
    board.chip.powerCut(board.clock.elapsedNs);
    expect(await codeOf(port.connect(WIRE, io))).toBe('no-target');
    expect(await codeOf(port.connect({ ...WIRE, tap: 1 }, io))).toBe('no-target');
  });

  it('the probe may go at any call', async () => {
    for (let lostAt = 3; lostAt < 12; lostAt++) {
      const { io, port, raw } = await connected();
      raw.lostAt = raw.calls + lostAt - 3;
      const code = await codeOf(
        (async () => {
          for (let i = 0; i < 6; i++) await port.transfer([ap(TAR, 0x20000000), read('ap', DRW)], io);
        })(),
      );
      expect(code).toBe('probe-lost');
    }
  });
});

describe('serial wire and JTAG', () => {
  /** One access over serial wire, with its own word. */
  class Swd {
    readonly line: SwdLine;
    #at = 0;

    constructor() {
      this.line = unit().line;
      for (const byte of [255, 255, 255, 255, 255, 255, 255, 0x9e, 0xe7, 255, 255, 255, 255, 255, 255, 255, 0]) {
        for (let bit = 0; bit < 8; bit++) this.line.clock((byte >> bit) & 1 ? 1 : 0, 0);
      }
      this.access(read('dp', 0));
    }

    access(transfer: Transfer): number | undefined {
      if (!('read' in transfer)) throw new RangeError('single accesses only');
      this.#at += 10_000;
      const isAp = transfer.port === 'ap';
      const answer = this.line.transfer(
        isAp,
        transfer.read,
        transfer.address,
        transfer.read ? 0 : transfer.value,
        this.#at,
      );
      if (!transfer.read) return undefined;
      return isAp ? this.line.transfer(false, true, 0xc, 0, this.#at).data : answer.data;
    }
  }

  it('reach the same registers: any accesses read the same words', async () => {
    const address = fc.constantFrom(0, 4, 8, 12);
    const anyAccess = fc.oneof(
      fc.record({ port: fc.constant('ap' as const), address, read: fc.constant(true as const) }),
      fc.record({
        port: fc.constant('ap' as const),
        address: fc.constantFrom(0, 4, 12),
        read: fc.constant(false as const),
        value: fc.constantFrom(WORD_INCREMENT, 0x23000050, 0x20000000, 0x20000ffc, 0x10000100, 0x12345678),
      }),
      fc.record({
        port: fc.constant('dp' as const),
        address: fc.constant(8),
        read: fc.constant(false as const),
        value: fc.constantFrom(0, 0xf0, 0x01000000),
      }),
      fc.record({ port: fc.constant('dp' as const), address: fc.constant(0), read: fc.constant(true as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyAccess, { maxLength: 40 }), async (accesses) => {
        const { io, port } = await connected();
        const swd = new Swd();
        for (const first of [dp(8, 0), dp(4, 0x50000001), ap(CSW, WORD_INCREMENT), ap(TAR, 0x20000000)])
          swd.access(first);
        await port.transfer([ap(TAR, 0x20000000)], io);
        // RAM holds chance until it is written, the same chance for the same seed; FICR is the same part's.
        const words = accesses.map((access) => swd.access(access)).filter((word) => word !== undefined);
        const sticky = ((swd.access(read('dp', 4)) ?? 0) & 0x20) !== 0;
        const ours = await port.transfer(accesses, io).then(
          (found) => [...found],
          (error: unknown) => (error instanceof FlashlineError ? error.failure.code : error),
        );
        // A fault ends the batch here; there it sticks.
        expect(ours).toEqual(sticky ? 'target-fault' : words);
      }),
      { numRuns: 60 },
    );
  });
});
