import { newBench, type RunResult, runUnit } from '../bench/bench-run.ts';
import { application, preload } from '../bench/releases.ts';

/** One unit of the figures: 256 KiB by a high-speed probe, all times modelled milliseconds. */
export interface BenchFigures {
  readonly kib: number;
  /** From connecting to the firmware's start. */
  readonly totalMs: number;
  /** Erase and program times of the data sheet: no probe can beat this. */
  readonly flashLimitMs: number;
  readonly totalToLimit: number;
  /** Erasing and programming alone, against the same limit. */
  readonly writeMs: number;
  readonly writeToLimit: number;
  readonly connectMs: number;
  readonly surveyMs: number;
  readonly verifyMs: number;
  /** One read of the whole image at the chip's top SWD clock, 46 bits a word: what survey and verify cost at least. */
  readonly wireLimitMs: number;
  /** Both directions. */
  readonly packetsPerKib: number;
  readonly bytesPerKib: number;
}

const KIB = 256;
const SWD_HZ = 8_000_000;
const BITS_A_WORD = 46;

/** Random data onto a blank unit, and onto one all of whose pages hold something else. Deterministic. */
export async function measureBenchNrf52840(): Promise<{ readonly blank: BenchFigures; readonly dirty: BenchFigures }> {
  const release = [application(KIB * 1024, 1)];
  const blank = await runUnit(newBench(), 'BLANK', release);
  const bench = newBench();
  preload(bench, 'DIRTY', [application(KIB * 1024, 2)]);
  const dirty = await runUnit(bench, 'DIRTY', release);
  return { blank: figuresOf(blank), dirty: figuresOf(dirty) };
}

function figuresOf({ ms, plan, link }: RunResult): BenchFigures {
  const totalMs = ms.connect + ms.identify + ms.survey + ms.carryOut + ms.start;
  const writeMs = ms.invalidate + ms.erase + ms.program + ms.validate;
  return {
    kib: KIB,
    totalMs,
    flashLimitMs: plan.flashMs,
    totalToLimit: totalMs / plan.flashMs,
    writeMs,
    writeToLimit: writeMs / plan.flashMs,
    connectMs: ms.connect + ms.identify,
    surveyMs: ms.survey,
    verifyMs: ms.verify,
    wireLimitMs: ((KIB * 1024) / 4) * (BITS_A_WORD / SWD_HZ) * 1000,
    packetsPerKib: link.packets / KIB,
    bytesPerKib: link.bytes / KIB,
  };
}
