import { PROBES } from '#main/bench/probe-profile.ts';
import { eraseMs } from '#main/plan/erase-cost.ts';
import { debugChip, type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { newBench, type RunResult, runUnit, shippedChip } from '../bench/bench-run.ts';
import { application, preload } from '../bench/releases.ts';
import { measureDriver } from './program-driver.ts';
import { measureManyImages, measureManySlots } from './program-slots.ts';

/** A whole flash by a high-speed probe: modelled milliseconds, and what the least is that they could be. */
export interface ProgramFigures {
  readonly kib: number;
  readonly totalMs: number;
  /** The terms of the limit: the chip's own erase and program times (data sheet), and one read-back at the link's speed. */
  readonly eraseLimitMs: number;
  readonly programLimitMs: number;
  readonly readBackMs: number;
  readonly totalToLimit: number;
  /** What the steps took. */
  readonly connectMs: number;
  readonly surveyMs: number;
  readonly eraseMs: number;
  readonly programMs: number;
  readonly verifyMs: number;
  /** Host time for driver and simulation together, a MiB programmed and read back. */
  readonly cpuSecondsPerMib: number;
}

/** Of an SWD read (ADIv5.2, B4.2): the wire is slower than a high-speed probe's USB. */
const BITS_A_WORD = 46;
const CHIPS = ['nrf52840', 'stm32f407vg', 'rp2040'] as const;

/** Random data over a flash that is full of other data, and onto a blank one. Deterministic but for the host's times. */
export async function measureProgramChips(): Promise<object> {
  const figures: Record<string, object> = {};
  // For the engine to be warm: its first runs are compiled while they run.
  for (let round = 0; round < 3; round++) await measure('nrf52840', true);
  for (const id of CHIPS) figures[id] = { dirty: await measure(id, true), blank: await measure(id, false) };
  return { ...figures, driver: await measureDriver(), slots: await measureManySlots(), memory: measureManyImages() };
}

async function measure(id: string, dirty: boolean): Promise<ProgramFigures> {
  const chip = shippedChip(id);
  const start = debugChip(chip).boot.vectors;
  const size = flashMemories(chip)
    .filter((memory) => memory.start >= start && memory.name !== 'uicr')
    .reduce((sum, memory) => sum + memory.size, 0);
  const bench = newBench();
  if (dirty) preload(bench, 'A', [application(size, 2, start)], chip);
  const release = [application(size, 1, start)];
  const before = process.cpuUsage();
  const result = await runUnit(bench, 'A', release, { chip });
  const { user, system } = process.cpuUsage(before);
  return figuresOf(result, size, chip, dirty, (user + system) / 1e6);
}

/** By the cheapest commands that the chip has, as if nothing had to be made safe first. */
function leastEraseMs(chip: ChipDescription): number {
  const code = flashMemories(chip).filter(({ name }) => name !== 'uicr');
  const single = code.reduce((sum, memory) => sum + eraseMs(memory, memory.start, memory.size), 0);
  return Math.min(single, chip.massErase?.ms ?? Infinity);
}

function figuresOf(
  { ms }: RunResult,
  size: number,
  chip: ChipDescription,
  dirty: boolean,
  cpuSeconds: number,
): ProgramFigures {
  const [memory] = flashMemories(chip);
  const wordMs = memory ? memory.wordUs / memory.word / 1000 : 0;
  const programLimitMs = size * wordMs;
  const totalMs = ms.connect + ms.identify + ms.survey + ms.carryOut + ms.start;
  const eraseLimitMs = dirty ? leastEraseMs(chip) : 0;
  const hz = Math.min(debugChip(chip).swd.maxHz, PROBES['high-speed'].maxClockHz);
  const readBackMs = ((size / 4) * BITS_A_WORD * 1000) / hz;
  return {
    kib: size / 1024,
    totalMs,
    eraseLimitMs,
    programLimitMs,
    readBackMs,
    totalToLimit: totalMs / (eraseLimitMs + programLimitMs + readBackMs),
    connectMs: ms.connect + ms.identify,
    surveyMs: ms.survey,
    eraseMs: ms.invalidate + ms.erase,
    programMs: ms.program + ms.validate,
    verifyMs: ms.verify,
    cpuSecondsPerMib: cpuSeconds / (size / 0x100000),
  };
}
