import { completion, controlTransferNs, FULL_SPEED_BULK } from '#main/bench/usb-time.ts';
import { newDfuBench, runDfu, STM32 } from '../bench/dfu-run.ts';
import { application, preload } from '../bench/releases.ts';

/** A whole flash by ST's boot loader: modelled milliseconds, and what the least is that they could be. */
export interface DfuFigures {
  readonly kib: number;
  readonly totalMs: number;
  /** What the device asked to wait for: its erases and its blocks. */
  readonly pollMs: number;
  /** Each block down with two looks at the status, each block up once, at full speed. */
  readonly busLimitMs: number;
  readonly totalToLimit: number;
}

const START = 0x0800_0000;
const BLOCK = 2048;
const STATUS = 6;

/** Random data over a flash that is full of other data. Deterministic. */
export async function measureDfu(): Promise<object> {
  return { small: await measure(64 * 1024), whole: await measure(1024 * 1024) };
}

async function measure(size: number): Promise<DfuFigures> {
  const bench = newDfuBench();
  preload(bench.boards, 'A', [application(size, 2, START)], STM32);
  const { ms: totalMs } = await runDfu(bench, 'A', [application(size, 1, START)]);
  const { pollMs } = bench.unitFor(STM32.id, 'A').machine;
  const cost = (bytes: number) => completion(FULL_SPEED_BULK, controlTransferNs(bytes)) / 1e6;
  const busLimitMs = (size / BLOCK) * (2 * cost(BLOCK) + 2 * cost(STATUS));
  return { kib: size / 1024, totalMs, pollMs, busLimitMs, totalToLimit: totalMs / (pollMs + busLimitMs) };
}
