import { fileURLToPath } from 'node:url';
import type { IoContext } from '#shared/base/clock.ts';
import { chipBy, type ChipDescription, debugChip } from '#shared/model/chip.ts';
import type { Operation, Plan } from '#shared/model/plan.ts';
import { Recipe } from '#shared/model/recipe.ts';
import { lockFaults } from '#main/plan/lock-faults.ts';
import type { Bench } from '#main/bench/bench.ts';
import type { Faults } from '#main/bench/faults.ts';
import { layOut, type ReleaseImage } from '#main/plan/layout.ts';
import { lockOperations } from '#main/plan/lock-operations.ts';
import { makePlan } from '#main/plan/make-plan.ts';
import { openCmsisDap } from '#main/probe/cmsis-dap/cmsis-dap.ts';
import { carryOut } from '#main/programmer/carry-out.ts';
import type { LockStates } from '#main/programmer/lock-steps.ts';
import { openFlashDevice } from '#main/programmer/open-flash-device.ts';
import { isProgrammer, type OpenedUnit } from '#main/programmer/programmer.ts';
import { lockStepsOf } from '#main/programmer/protection-locks.ts';
import { findFlashAlgorithm } from '#main/programmer/ram-loader-algorithm.ts';
import { surveyUnit } from '#main/programmer/survey-unit.ts';
import { lockToOpen } from '#main/station/lock-to-open.ts';
import { openAdiTarget } from '#main/target/open-adi.ts';
import { CountingLink } from './bench-run.ts';
import { plugUart } from './stm32-uart-run.ts';

/** What of a recipe opens and locks. */
export type Locking = Pick<Recipe, 'unlock' | 'locks' | 'keys'>;

export interface LockedRun {
  readonly plan: Plan;
  readonly states: LockStates | undefined;
  /** What was journalled before it changed the unit, in order. */
  readonly journal: readonly string[];
  /** Packets, or bytes written to the port. */
  readonly sent: number;
}

/** The run's journal outlives it, as the station's does. */
export interface Told {
  journal: string[];
  sent: number;
  /** What had been sent when the first step of no return was journalled. */
  lockedFrom?: number;
}

type Open = (told: Told) => Promise<{ readonly unit: OpenedUnit; readonly io: IoContext }>;

export function bySwd(bench: Bench, chip: ChipDescription, faults: Faults = []): Open {
  return async (told) => {
    const { link: inner, clock } = bench.connect(chip.id, 'A', faults, { probe: 'high-speed' });
    const link = new CountingLink(inner);
    link.onWrite = () => told.sent++;
    const io: IoContext = { clock, signal: new AbortController().signal };
    return { unit: await openAdiTarget(await openCmsisDap(link, io), { chip, interface: 'swd' }, io), io };
  };
}

export function byUart(bench: Bench, chip: ChipDescription, faults: Faults = []): Open {
  return async (told) => {
    const { open, io } = plugUart(bench, chip, {
      faults,
      wrap: (link) => ({
        kind: link.kind,
        url: link.url,
        write: (data, context) => {
          told.sent++;
          return link.write(data, context);
        },
        read: (timeoutMs, context) => link.read(timeoutMs, context),
        setFormat: (format, context) => link.setFormat(format, context),
        setLines: (lines, context) => link.setLines(lines, context),
        discard: (context) => link.discard(context),
        close: () => link.close(),
      }),
    });
    return { unit: await open(), io };
  };
}

/** One unit from connecting to starting its firmware, locks opened and set as the recipe says: the station's order. */
export async function runLocked(
  open: Open,
  images: readonly ReleaseImage[],
  locking: Locking,
  told: Told = { journal: [], sent: 0 },
): Promise<LockedRun> {
  const { unit, io } = await open(told);
  try {
    const recipe = Recipe.parse({ ...BASE, ...locking });
    const toOpen = await lockToOpen(unit, recipe, io);
    if (toOpen) {
      told.journal.push(`unlock by ${toOpen.by}`);
      await toOpen.open(io, () => undefined);
    }
    await unit.identify(io);
    const via = isProgrammer(unit) ? 'uart' : 'swd';
    const chip = chipBy(unit.chip, via);
    const layout = layOut(chip, images);
    const faults = lockFaults(locking, via, layout);
    if (faults[0]) throw new TypeError(faults[0].detail);
    const device = await openDevice(unit, io);
    const survey = await surveyUnit(layout, device, io);
    const locks = lockOperations(locking, layout);
    const plan = makePlan({ layout, survey, canMassErase: device.eraseAll !== undefined, locks });
    let states: LockStates | undefined;
    const hooks = {
      beforeChange: async (operation: Operation) => {
        if (operation.op === 'lock') told.lockedFrom ??= told.sent;
        told.journal.push(operation.op === 'lock' ? operation.name : operation.op);
      },
      stepStarted: () => undefined,
      progress: () => undefined,
      stepFinished: () => undefined,
      locksObserved: (observed: LockStates) => (states = observed),
    };
    const { contents } = layout;
    await carryOut({ plan, contents, device, chip, hooks, io, locks: lockStepsOf(unit) });
    await unit.start(io);
    return { plan, states, ...told };
  } finally {
    await unit.close({ clock: io.clock, signal: new AbortController().signal });
  }
}

async function openDevice(unit: OpenedUnit, io: IoContext) {
  if (isProgrammer(unit)) return unit.openFlash(io);
  const folder = fileURLToPath(new URL('../../resources/flash-algorithms', import.meta.url));
  return openFlashDevice(unit, io, await findFlashAlgorithm(folder, debugChip(unit.chip).controller.kind));
}

const BASE = {
  schema: 1,
  product: { id: 'locked', revision: 'A', name: 'Locked' },
  chip: 'any',
  interface: 'swd',
  images: [{ role: 'application', file: 'a.bin', version: '1' }],
  serial: { pattern: '.' },
};
