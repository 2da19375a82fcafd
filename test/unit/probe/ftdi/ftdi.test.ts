import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { FtdiChip } from '#main/bench/ftdi/ftdi-chip.ts';
import { AD, type MpsseBoard } from '#main/bench/ftdi/mpsse-board.ts';
import { JtagChain } from '#main/bench/jtag/chain.ts';
import { Tap } from '#main/bench/jtag/tap.ts';
import { spiBoard } from '#main/bench/ftdi/boards.ts';
import type { SpiSlave } from '#main/bench/spi/spi-slave.ts';
import type { JtagPort, JtagStretch } from '#main/probe/jtag-port.ts';
import { findTaps } from '#main/probe/jtag/find-taps.ts';
import { withoutStatus } from '#main/probe/ftdi/mpsse.ts';
import { divisorFor } from '#main/probe/ftdi/mpsse-commands.ts';
import { openFtdiJtag, openFtdiSpi } from '#main/probe/ftdi/open-ftdi.ts';
import { chainPort } from '#test/support/chain-port.ts';
import { noise } from '#test/bench/releases.ts';
import { ftdiRig } from './rig.ts';

function chain(): JtagChain {
  const tap = (name: string, irLength: number, value: number) =>
    new Tap({ name, irLength, captureIr: 1, idcode: { instruction: 2, value: () => value } });
  return new JtagChain([tap('a', 4, 0x4ba00477), tap('b', 5, 0x06413041)]);
}

function chainBoard(taps: JtagChain): MpsseBoard {
  let driven = 0;
  let tdo = 1;
  return {
    pins: (levels, outputs) => {
      const before = driven & AD.clock;
      driven = levels & outputs;
      if ((driven & AD.clock) !== 0 && before === 0) taps.clock(driven & AD.select ? 1 : 0, driven & AD.out ? 1 : 0, 0);
      else if ((driven & AD.clock) === 0) ({ tdo } = taps);
    },
    read: () => (driven & ~AD.in) | (tdo ? AD.in : 0),
  };
}

const stretch: fc.Arbitrary<JtagStretch> = fc
  .tuple(fc.constantFrom<0 | 1>(0, 1), fc.integer({ min: 1, max: 70 }), fc.boolean(), fc.boolean(), fc.integer())
  .map(([tms, cycles, out, capture, seed]) => {
    const plain = { tms, cycles, capture };
    return out ? Object.assign(plain, { tdi: noise(Math.ceil(cycles / 8), seed) }) : plain;
  });

async function play(port: JtagPort, rows: readonly (readonly JtagStretch[])[], io: Parameters<JtagPort['connect']>[1]) {
  const found: Uint8Array[][] = [];
  for (const row of rows) found.push(await port.sequence(row, io));
  return found;
}

describe('JTAG by MPSSE', () => {
  it('clocks just what was asked, whatever it is, and brings TDO back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(stretch, { maxLength: 8 }), { maxLength: 4 }), async (rows) => {
        const mine = chain();
        const theirs = chain();
        const { ftdi, io } = ftdiRig(chainBoard(mine));
        const port = await openFtdiJtag(ftdi, io);
        await port.connect(6_000_000, io);
        const expected = await play(chainPort(theirs), rows, io);
        const found = await play(port, rows, io);
        for (const [r, row] of rows.entries()) {
          const captures = row.filter(({ capture }) => capture);
          for (const [c, { cycles }] of captures.entries()) {
            const mask = cycles % 8 === 0 ? 0xff : (1 << (cycles % 8)) - 1;
            const bytes = expected[r]?.[c] ?? new Uint8Array();
            bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) & mask;
            expect(found[r]?.[c]).toEqual(bytes);
          }
        }
        expect(mine.state).toBe(theirs.state);
      }),
      { numRuns: 150 },
    );
  });

  it('finds the TAPs of a chain', async () => {
    const { ftdi, io } = ftdiRig(chainBoard(chain()));
    const port = await openFtdiJtag(ftdi, io);
    await port.connect(10_000_000, io);
    const { taps, irBits } = await findTaps(port, io);
    expect(taps.map(({ idcode }) => idcode)).toEqual([0x4ba00477, 0x06413041]);
    expect(irBits).toBe(9);
  });
});

describe('SPI by MPSSE', () => {
  it('carries bytes both ways while the chip is selected, many transfers in one go', async () => {
    const seen: (number | string)[] = [];
    let next = 0;
    const slave: SpiSlave = {
      select: () => void seen.push('select'),
      exchange: (mosi) => {
        seen.push(mosi);
        return next++ & 0xff;
      },
      deselect: () => void seen.push('deselect'),
      powerCycle: () => undefined,
      powerCut: () => undefined,
    };
    const { ftdi, io } = ftdiRig(spiBoard(slave));
    const port = await openFtdiSpi(ftdi, io);
    await port.connect(30_000_000, io);
    const found = await port.transfer(
      [
        { write: Uint8Array.of(0x9f), read: 3 },
        { write: Uint8Array.of(6), read: 0 },
        { write: new Uint8Array(), read: 2000 },
      ],
      io,
    );
    expect(found[0]).toEqual(Uint8Array.of(1, 2, 3));
    expect(found[1]).toEqual(new Uint8Array());
    expect(found[2]?.length).toBe(2000);
    expect(found[2]?.[0]).toBe(5);
    expect(seen.slice(0, 8)).toEqual(['select', 0x9f, 0, 0, 0, 'deselect', 'select', 6]);
    expect(seen.at(-1)).toBe('deselect');
  });
});

describe('the engine', () => {
  it.each([
    [{ kind: 'unplug', after: 3 } as const, 'probe-lost'],
    [{ kind: 'silent', after: 3 } as const, 'probe-silent'],
    [{ kind: 'silent', after: 0 } as const, 'probe-protocol'],
  ])('ends with a clear error where the adapter is %j', async (fault, code) => {
    const { ftdi, io } = ftdiRig(chainBoard(chain()), [fault]);
    const work = async () => {
      const port = await openFtdiJtag(ftdi, io);
      await port.connect(1_000_000, io);
      await findTaps(port, io);
    };
    const error: unknown = await work().catch((thrown: unknown) => thrown);
    expect(error instanceof FlashlineError && error.failure.code).toBe(code);
  });

  it('never clocks faster than asked, and within a divisor of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 40_000_000 }), fc.boolean(), (asked, threePhase) => {
        const { hz, divisor } = divisorFor(asked, threePhase);
        expect(hz).toBeLessThanOrEqual(asked > 458 ? asked + 1e-6 : Infinity);
        expect(divisor).toBeGreaterThanOrEqual(0);
        const faster = divisor === 0 ? Infinity : (hz * (divisor + 1)) / divisor;
        expect(faster).toBeGreaterThan(asked);
      }),
    );
  });

  it('takes the status out of every packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (data) => {
        const packets: number[] = [];
        for (let at = 0; at < data.length; at += 510) packets.push(0x32, 0x60, ...data.subarray(at, at + 510));
        expect(withoutStatus(Uint8Array.from(packets), 512)).toEqual(data);
      }),
    );
  });
});

/** Any command byte with something behind it; lengths stay short, as every clock is simulated. */
const command = fc
  .tuple(fc.nat(255), fc.nat(20), fc.uint8Array({ maxLength: 24 }))
  .map(([code, length, data]) => [code, length, 0].concat(Array.from(data, (byte) => (byte & 0x40 ? byte : 0))));

it('the simulated chip takes any bytes, in any pieces, to the same effect', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 3 }), fc.nat(60), (commands, split) => {
      // Nothing of which a length could be made that takes seconds to clock.
      const bytes = Uint8Array.from(commands.flat(), (byte, index) => (index % 3 === 2 ? byte & 0x80 : byte));
      const answers = (pieces: readonly Uint8Array[]) => {
        const chip = new FtdiChip(chainBoard(chain()));
        chip.control(0x0b, 0x0200);
        for (const piece of pieces) chip.write(piece, 0);
        const heard: number[] = [];
        while (chip.pending > 0) heard.push(...chip.packet().subarray(2));
        return heard;
      };
      expect(answers([bytes.subarray(0, split), bytes.subarray(split)])).toEqual(answers([bytes]));
    }),
    { numRuns: 200 },
  );
});
