import { expect, it } from 'vitest';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Fault } from '#main/bench/faults.ts';
import { PROBES, type ProbeName } from '#main/bench/probe-profile.ts';
import { openCmsisDapJtag } from '#main/probe/cmsis-dap/cmsis-dap-jtag.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import type { Transfer } from '#main/probe/debug-port.ts';
import type { Link } from '#main/link/link.ts';
import { plugIn } from './on-bench.ts';

const PROBE_NAMES = Object.keys(PROBES) as ProbeName[];
const MATCH = { port: 'dp', address: 4, matchMask: 0x4000_0000, matchValue: 0x4000_0000 } as const;
const write = (port: 'dp' | 'ap', address: number, value: number): Transfer => ({ port, address, read: false, value });

/** What flashing does to a probe: connect, power up, write blocks, poll, read back, reset. */
async function overSwd(link: Link, io: IoContext): Promise<void> {
  const port = await openCmsisDap(link, io);
  try {
    await port.connect({ protocol: 'swd', clockHz: 8_000_000 }, io);
    await port.transfer([write('dp', 8, 0), write('dp', 4, 0x5000_0000), write('ap', 0, 0x2300_0052)], io);
    await port.transfer(
      [write('ap', 4, 0x2000_0000), MATCH, { port: 'ap', address: 0xc, words: new Uint32Array(90) }],
      io,
    );
    await port.poll([write('ap', 4, 0x2000_0000)], MATCH, io);
    await port.readBlock(0xc, 90, io);
    await port.pulseReset(1, io);
  } finally {
    await port.close(io);
  }
}

async function overJtag(link: Link, io: IoContext): Promise<void> {
  const port = await openCmsisDapJtag(link, io);
  try {
    await port.connect(1_000_000, io);
    await port.sequence([{ tms: 0, cycles: 5000, capture: true }], io);
    await port.drive('trst', true, io);
  } finally {
    await port.close(io);
  }
}

async function outcome(work: typeof overSwd, fault: Fault | undefined, probe: ProbeName) {
  const { link, io, clock } = plugIn({ faults: fault ? [fault] : [], probe });
  let packets = 0;
  const write = link.write.bind(link);
  link.write = (data, context) => {
    packets++;
    return write(data, context);
  };
  const code = await work(link, io).then(
    () => 'done',
    (error: unknown) => (error instanceof FlashlineError ? error.failure.code : 'thrown'),
  );
  const closed = await link
    .read(0, io)
    .catch((error: unknown) => (error instanceof FlashlineError ? error.failure.code : ''));
  return { code, packets, closed, ms: clock.monotonic() };
}

const CASES = PROBE_NAMES.flatMap((probe) =>
  [overSwd, overJtag].flatMap((work) =>
    (['unplug', 'silent'] as const).map((kind) => ({ probe, work, kind, name: work.name })),
  ),
);

it.each(CASES)(
  '$kind before any packet, $name by a $probe probe, is told at once, and the link is let go',
  async (given) => {
    const { probe, work, kind } = given;
    const sound = await outcome(work, undefined, probe);
    expect(sound.code).toBe('done');
    for (let after = 0; after < sound.packets; after++) {
      const { code, closed, ms } = await outcome(work, { kind, after }, probe);
      // The goodbye of a run that was through asks nothing of the probe any more.
      const expected = kind === 'unplug' ? 'probe-lost' : 'probe-silent';
      expect(after >= sound.packets - 2 ? [expected, 'done'] : [expected]).toContain(code);
      expect(closed).toBe('probe-lost');
      expect(ms).toBeLessThan(sound.ms + 15_000);
    }
  },
);
