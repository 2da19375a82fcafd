import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { FlashlineError } from '#shared/model/failure.ts';
import { parseBenchUrl } from '#main/bench/parse-bench-url.ts';
import { parseGdbAddress, parseStreamAddress } from '#main/link/address.ts';

const RUNS = { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 };

const WORDS = (
  'bench: gdb: tcp: unix: serial: nrf52840 ?fault= &fault= stuck-bit @0x1000 .3 :40 x3 =1 99999999999999999999 1e9ms 5ms ' +
  '2hz [::1] :3333 &probe=ftdi &baud= %00'
).split(' ');

/** What people type, cut and put together anew. */
const typed = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 3 })), { maxLength: 9 })
  .map((parts) => parts.join(''));

function orRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof FlashlineError && error.failure.code === 'probe-address') return undefined;
    throw error;
  }
}

describe('an address that somebody typed', () => {
  it('is one of the bench, all of its figures whole and sound, or is refused by name', () => {
    fc.assert(
      fc.property(typed, (text) => {
        const address = orRefused(() => parseBenchUrl(text));
        for (const fault of address?.faults ?? []) {
          const figures = Object.values(fault).filter((value) => typeof value === 'number');
          expect(figures.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
        }
        expect(address === undefined || text.startsWith(`bench:${address.chip}`)).toBe(true);
      }),
      RUNS,
    );
  });

  it('is a stream’s, or is refused by name', () => {
    fc.assert(
      fc.property(typed, (text) => {
        const stream = parseStreamAddress(text);
        const ports = stream?.kind === 'tcp' ? [stream.port] : [];
        expect(ports.every((port) => Number.isInteger(port) && port > 0 && port < 0x10000)).toBe(true);
        const gdb = orRefused(() => parseGdbAddress(`gdb:${text}`));
        expect(gdb).toEqual(stream);
      }),
      RUNS,
    );
  });
});
