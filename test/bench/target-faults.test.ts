import { describe, expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { FAILURES, type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { Reach } from '#shared/model/unit-record.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Fault, Faults } from '#main/bench/faults.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import type { Identity } from '#main/target/target.ts';
import { CountingLink, newBench, UNIT } from './bench-run.ts';

/** The longest that opening and identifying may take before it is given up, in virtual time. */
const PATIENCE_MS = 20_000;

interface Attempt {
  readonly identity?: Identity;
  readonly reach?: Reach;
  readonly failure?: FlashlineError['failure'];
  readonly ms: number;
  readonly packets: number;
  readonly linkClosed: boolean;
}

/** Opens, identifies and closes; whatever happened, the link must be closed, and time bounded. */
async function identify(faults: Faults, bench: Bench = newBench(), chip = 'nrf52840'): Promise<Attempt> {
  const { link: inner, clock } = bench.connect(chip, 'F1', faults);
  const link = new CountingLink(inner);
  let packets = 0;
  link.onWrite = () => packets++;
  const io: IoContext = { clock, signal: new AbortController().signal };
  const began = clock.monotonic();
  const end = () => ({ ms: clock.monotonic() - began, packets, linkClosed: link.closed });
  try {
    const target = await openAdiTarget(await openCmsisDap(link, io), UNIT, io);
    try {
      const identity = await target.identify(io);
      await target.look?.(io);
      const reach = target.reach?.();
      await target.close(io);
      return { identity, ...(reach ? { reach } : {}), ...end() };
    } catch (error) {
      await target.close(io);
      throw error;
    }
  } catch (error) {
    if (!(error instanceof FlashlineError)) throw error;
    return { failure: error.failure, ...end() };
  }
}

function expectBounded({ ms, linkClosed }: Attempt): void {
  expect(ms).toBeLessThan(PATIENCE_MS);
  expect(linkClosed).toBe(true);
}

describe('what stands in the fixture', () => {
  const CASES: readonly (readonly [string, Fault, FailureCode])[] = [
    ['nothing, or a board without power', { kind: 'no-target' }, 'no-target'],
    ['a board with SWDIO and SWCLK swapped', { kind: 'swapped-wires' }, 'no-target'],
    ['another part of the family', { kind: 'wrong-chip' }, 'wrong-chip'],
    ['a locked chip', { kind: 'protected' }, 'chip-protected'],
    ['a chip whose debug port only says WAIT', { kind: 'ack-wait', after: 0 }, 'target-stuck'],
    ['a board whose supply fails', { kind: 'power-cut', after: 12 }, 'no-target'],
    ['a probe that falls silent', { kind: 'silent', after: 14 }, 'probe-silent'],
  ];

  it.each(CASES)('%s', async (_, fault, code) => {
    const attempt = await identify([fault]);
    expect(attempt.failure?.code).toBe(code);
    expect(attempt.failure?.blame).toBe(FAILURES[code].blame);
    expectBounded(attempt);
  });

  it('a chip of another maker: its core or its access ports tell', async () => {
    for (const fitted of ['stm32f407vg', 'nrf51822']) {
      const attempt = await identify([], newBench(), fitted);
      expect(attempt.failure).toMatchObject({ code: 'wrong-chip', params: { expected: 'Nordic nRF52840' } });
      expectBounded(attempt);
    }
  });

  it('the right chip, in good order', async () => {
    const attempt = await identify([]);
    expect(attempt.identity).toMatchObject({ chip: 'nrf52840', locks: { APPROTECT: '0xFFFFFFFF' } });
    expectBounded(attempt);
  });
});

describe('a disturbed wire', () => {
  it.each([
    ['one access that faults, with its sticky error', { kind: 'ack-fault' }],
    ['one parity error', { kind: 'parity' }],
    ['a burst of WAITs', { kind: 'ack-wait', times: 40 }],
  ] as const)('%s, at any transfer, is overcome or named, and the next attempt is whole', async (_, fault) => {
    for (let after = 0; after < 40; after++) {
      const bench = newBench();
      const attempt = await identify([{ ...fault, after }], bench);
      const code = attempt.failure?.code ?? 'done';
      expect(['done', 'target-fault', 'wire-noise'], `transfer ${after}`).toContain(code);
      expectBounded(attempt);
      expect((await identify([], bench)).identity?.chip).toBe('nrf52840');
    }
  });
});

describe('a wire that is noisy above a clock', () => {
  it.each([1, 0.3, 0.03, 0.01])(
    'with a chance of %d: the clock steps down until it is quiet, and says so',
    async (chance) => {
      for (const aboveHz of [300_000, 1_000_000, 4_000_000]) {
        const attempt = await identify([{ kind: 'noise', aboveHz, chance }]);
        expect(attempt.identity?.chip, `above ${aboveHz} Hz: ${attempt.failure?.code}`).toBe('nrf52840');
        expect(attempt.reach).toMatchObject({ askedHz: 8_000_000, limitedBy: 'noise' });
        // What is rare may have been missed at a clock that is still above.
        const most = chance > 0.1 ? aboveHz : 8_000_000;
        expect(attempt.reach?.usedHz).toBeLessThanOrEqual(most);
      }
    },
  );

  it('at every clock is the fixture’s fault', async () => {
    const attempt = await identify([{ kind: 'noise', aboveHz: 0, chance: 0.5 }]);
    expect(attempt.failure).toMatchObject({ code: 'wire-noise', blame: 'fixture' });
    expectBounded(attempt);
  });
});

describe('the probe is pulled out', () => {
  it('at any packet of opening and identifying: probe-lost, at once, and the next attempt is whole', async () => {
    const { packets } = await identify([]);
    expect(packets).toBeGreaterThan(20);
    for (let after = 0; after < packets; after++) {
      const bench = newBench();
      const attempt = await identify([{ kind: 'unplug', after }], bench);
      // Of what comes after the last question nobody needs to hear: the unit was identified.
      const expected = attempt.identity && after > packets - 6 ? undefined : 'probe-lost';
      expect(attempt.failure?.code, `packet ${after}`).toBe(expected);
      expectBounded(attempt);
      expect((await identify([], bench)).identity?.chip).toBe('nrf52840');
    }
  });

  it('or falls silent at any packet: probe-silent, within its patience', async () => {
    const { packets } = await identify([]);
    for (let after = 0; after < packets - 6; after += 3) {
      const attempt = await identify([{ kind: 'silent', after }]);
      expect(attempt.failure?.code, `packet ${after}`).toBe('probe-silent');
      expectBounded(attempt);
    }
  });
});
