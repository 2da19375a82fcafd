import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#shared/base/digest.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Fault } from '#main/bench/faults.ts';
import { Mcp2221BenchLink } from '#main/bench/mcp2221/mcp2221-bench-link.ts';
import type { Link } from '#main/link/link.ts';
import type { ReleaseImage } from '#main/plan/layout.ts';
import { Mcp2221 } from '#main/probe/mcp2221/mcp2221.ts';
import { readDataOf, readStatus } from '#main/probe/mcp2221/mcp2221-reports.ts';
import { shippedChip } from '#test/bench/bench-run.ts';
import { image, noise } from '#test/bench/releases.ts';
import { ftdiI2cPort } from './ftdi/rig.ts';
import { EepromRig, type MakePort } from '../programmer/i2c-eeprom/rig.ts';

const ADAPTERS: readonly [string, MakePort][] = [
  ['an FT2232H', ftdiI2cPort],
  ['an MCP2221A', async (fixture) => new Mcp2221(new Mcp2221BenchLink(fixture, 'bench'), 'A')],
];

function imageOf(data: Uint8Array): ReleaseImage {
  return image('application', { address: 0, data });
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof FlashlineError) return error.failure.code;
  if (error === undefined) return 'none';
  throw error;
}

describe.each(ADAPTERS)('EEPROMs through %s', (_, port) => {
  it.each(['24lc02b', '24lc16b', '24lc256', 'm24c64', '24aa025e48'])('%s is written and proven', async (id) => {
    const rig = new EepromRig(shippedChip(id), port);
    const data = noise(id === '24aa025e48' ? 128 : 250, 4);
    rig.model.cells.fill(0x11, 0, data.length);
    const { readBack } = await rig.write([imageOf(data)]);
    expect(readBack).toEqual({ application: sha256Hex(data) });
    expect(rig.model.cells.subarray(0, data.length)).toEqual(data);
    expect(rig.model.misuse).toEqual([]);
  });

  it('a read that takes longer than a write cycle may is not taken for a chip that never finishes', async () => {
    const rig = new EepromRig(shippedChip('24lc256'), port);
    const data = noise(4096, 6);
    const { readBack } = await rig.write([imageOf(data)]);
    expect(readBack).toEqual({ application: sha256Hex(data) });
  });

  it.each<[Fault, string]>([
    [{ kind: 'protected' }, 'flash-refused'],
    [{ kind: 'no-target' }, 'no-target'],
    [{ kind: 'stuck-sda' }, 'bus-stuck'],
    [{ kind: 'stuck-sda', times: 7 }, 'none'],
    [{ kind: 'nack', after: 3, times: 2 }, 'none'],
    [{ kind: 'stuck-bit', address: 8, bit: 2, value: 1 }, 'verify-mismatch'],
  ])('%j ends as %s', async (fault, code) => {
    for (const id of ['24lc256', 'm24c64']) {
      const rig = new EepromRig(shippedChip(id), port);
      expect(await failureOf(rig.write([imageOf(new Uint8Array(100))], [fault]))).toBe(code);
    }
  });

  it('ends with the adapter’s own failure wherever it is pulled out or falls silent, and recovers', async () => {
    for (const kind of ['unplug', 'silent'] as const) {
      for (const after of [0, 2, 5, 8, 12]) {
        const rig = new EepromRig(shippedChip('24lc256'), port);
        const data = noise(100, after);
        const code = await failureOf(rig.write([imageOf(data)], [{ kind, after }]));
        expect(['probe-lost', 'probe-silent', 'probe-protocol', 'none']).toContain(code);
        await rig.write([imageOf(data)]);
        expect(rig.model.cells.subarray(0, 100)).toEqual(data);
      }
    }
  });
});

describe('what an MCP2221A answers', () => {
  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(() => readStatus(bytes)).not.toThrow();
        const data = readDataOf(bytes);
        expect(typeof data === 'object' ? data.data.length : 0).toBeLessThanOrEqual(60);
      }),
      { numRuns: process.env['FLASHLINE_NIGHTLY'] ? 100_000 : 2000 },
    );
  });

  it('that is no answer ends as probe-protocol', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 64 }), async (answer) => {
        answer[0] = 0x77;
        const link: Link = {
          kind: 'packet',
          url: 'bench',
          write: async () => undefined,
          read: async () => answer,
          close: async () => undefined,
        };
        const clock = { now: () => 0, monotonic: () => 0, sleep: async () => undefined };
        const io = { clock, signal: new AbortController().signal };
        expect(await failureOf(new Mcp2221(link, '').connect(100_000, io))).toBe('probe-protocol');
      }),
      { numRuns: 50 },
    );
  });
});
