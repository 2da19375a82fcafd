import type { IoContext } from '#shared/base/clock.ts';
import type { EspLock } from '#shared/model/esp-locks.ts';
import type { LockOperation } from '#shared/model/plan.ts';
import type { Faults } from '#main/bench/faults.ts';
import type { SerialBenchLink } from '#main/bench/uart/serial-bench-link.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { lockOperations } from '#main/plan/lock-operations.ts';
import { carryOutLocks } from '#main/programmer/carry-out-locks.ts';
import { openEsp } from '#main/programmer/esp/open-esp.ts';
import type { LockStates } from '#main/programmer/lock-steps.ts';
import { imageOf } from '#test/bench/esp-run.ts';
import { type EspLine, espImage } from './esp-unit.ts';

export interface Burnt {
  /** Steps that the journal has, in order. */
  readonly journal: readonly LockOperation[];
  readonly states: LockStates | undefined;
  /** What it ended with. */
  readonly error: unknown;
}

interface LockOptions {
  readonly faults?: Faults;
  readonly images?: readonly ReleaseImage[];
  readonly onLink?: (link: SerialBenchLink) => void;
}

const ANY = imageOf('application', 0x10000, espImage(0, Uint8Array.of(1, 2, 3, 4)));

/** The steps of a recipe on a unit whose images are there already: what the executor does with them. */
export async function burn(line: EspLine, locks: readonly EspLock[], options: LockOptions = {}): Promise<Burnt> {
  const { link, unit } = line.plug(options.faults ?? []);
  options.onLink?.(link);
  const io: IoContext = { clock: unit.clock, signal: new AbortController().signal };
  const layout = layOut(line.chip, options.images ?? [ANY]);
  const journal: LockOperation[] = [];
  let states: LockStates | undefined;
  try {
    const programmer = await openEsp(link, line.chip, io);
    await programmer.openFlash(io);
    await carryOutLocks({
      operations: lockOperations({ locks: [...locks] }, layout),
      contents: layout.contents,
      locks: programmer.locks,
      hooks: {
        beforeChange: (operation) => Promise.resolve(void journal.push(operation)),
        locksObserved: (observed) => (states = observed),
      },
      io,
      within: (_operation, work) => work(),
    });
    await programmer.start(io);
    return { journal, states, error: undefined };
  } catch (error) {
    return { journal, states, error };
  } finally {
    await link.close();
  }
}
