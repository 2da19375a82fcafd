import * as fc from '#test/support/fast-check.ts';
import { expect, it } from 'vitest';
import type { Fault } from '#main/bench/faults.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import type { Transfer } from '#main/probe/debug-port.ts';
import { plugIn } from './on-bench.ts';

const RAM = 0x2000_0000;
const WORDS = 600;
const OLD = 0x0101_0101;
const write = (port: 'dp' | 'ap', address: number, value: number): Transfer => ({ port, address, read: false, value });

/** Enough for several packets, each piece of it with an address of its own. */
const batch: Transfer[] = [0, 1, 2].flatMap((piece) => [
  write('ap', 4, RAM + 800 * piece),
  { port: 'ap', address: 0xc, words: Uint32Array.from({ length: 200 }, (_, index) => 0x1000 * (piece + 1) + index) },
]);

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.integer({ min: 150, max: 900 }).map((after): Fault => ({ kind: 'ack-fault', after })),
  fc.integer({ min: 1, max: 30 }).map((rate): Fault => ({ kind: 'noise', aboveHz: 1_500_000, chance: rate / 3000 })),
);

it('a transfer that fails lets nothing of what is under way behind it change memory', async () => {
  await fc.assert(
    fc.asyncProperty(fault, fc.constantFrom('high-speed' as const, 'hid' as const), async (given, probe) => {
      const { link, io, chip, clock } = plugIn({ faults: [given], probe });
      for (let i = 0; i < WORDS + 8; i++) chip.write(RAM + 4 * i, 4, OLD, 0);
      const port = await openCmsisDap(link, io);
      await port.connect({ protocol: 'swd', clockHz: 4_000_000 }, io);
      const failure: unknown = await port
        .transfer([write('dp', 8, 0), write('dp', 4, 0x5000_0000), write('ap', 0, 0x2300_0052), ...batch], io)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      const found = Array.from({ length: WORDS + 8 }, (_, i) => chip.read(RAM + 4 * i, 4, clock.elapsedNs).value);
      const wanted = (i: number) => (i < WORDS ? 0x1000 * (Math.floor(i / 200) + 1) + (i % 200) : OLD);
      const written = found.findIndex((word, i) => word !== wanted(i));
      // All of it, or everything up to the failure and nothing after.
      expect(failure !== undefined || written < 0).toBe(true);
      expect(found.slice(written < 0 ? WORDS : written).every((word) => word === OLD)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
