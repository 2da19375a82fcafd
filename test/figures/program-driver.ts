import type { Clock, IoContext } from '#shared/base/clock.ts';
import type { BenchConnection } from '#main/bench/bench.ts';
import type { Link } from '#main/link/link.ts';
import { newBench, runUnit } from '../bench/bench-run.ts';
import { application } from '../bench/releases.ts';

const MIB = 0x100000;
const ROUNDS = 5;

/** What a run got to hear and when, in the order in which it asked. */
interface Recording {
  readonly replies: (() => Promise<Uint8Array>)[];
  readonly times: number[];
}

/** A connection that keeps what its run is answered. */
function recorded({ link, clock }: BenchConnection, into: Recording): BenchConnection {
  const keep = async (read: Promise<Uint8Array>): Promise<Uint8Array> => {
    const index = into.replies.push(() => Promise.reject(new Error('the run had ended'))) - 1;
    try {
      const reply = (await read).slice();
      into.replies[index] = () => Promise.resolve(reply);
      return reply;
    } catch (error) {
      into.replies[index] = () => Promise.reject(error);
      throw error;
    }
  };
  const kept: Link = {
    kind: link.kind,
    url: link.url,
    write: (data: Uint8Array, io: IoContext) => link.write(data, io),
    read: (timeoutMs: number, io: IoContext) => keep(link.read(timeoutMs, io)),
    close: () => link.close(),
  };
  const monotonic = (): number => {
    const now = clock.monotonic();
    into.times.push(now);
    return now;
  };
  return { link: kept, clock: { now: () => clock.now(), monotonic, sleep: (ms, signal) => clock.sleep(ms, signal) } };
}

/** The same answers at the same times to a run that asks the same: the driver works, and nothing is simulated. */
function replayed({ replies, times }: Recording): BenchConnection {
  let reply = 0;
  let time = 0;
  const link: Link = {
    kind: 'packet',
    url: 'replay',
    write: () => Promise.resolve(),
    read: () => replies[reply++]?.() ?? Promise.reject(new Error('the run asks for more than was recorded')),
    close: () => Promise.resolve(),
  };
  const clock: Clock = { now: () => 0, monotonic: () => times[time++] ?? 0, sleep: () => Promise.resolve() };
  return { link, clock };
}

/**
 * Host time of everything above the link, a MiB programmed and read back on an nRF52840, in seconds: the median of some
 * runs, the engine warm. With a real probe the system's USB calls come beside it.
 */
export async function measureDriver(): Promise<{ readonly cpuSecondsPerMib: number }> {
  const release = [application(MIB, 1)];
  const recording: Recording = { replies: [], times: [] };
  const bench = newBench();
  await runUnit({ connect: (...request) => recorded(bench.connect(...request), recording) }, 'A', release);
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    await runUnit({ connect: () => replayed(recording) }, 'A', release);
    const { user, system } = process.cpuUsage(before);
    seconds.push((user + system) / 1e6);
  }
  return { cpuSecondsPerMib: seconds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0 };
}
