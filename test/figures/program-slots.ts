import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { newBench, type RunResult, runUnit } from '../bench/bench-run.ts';
import { application, preload } from '../bench/releases.ts';

const SLOTS = 16;
const KIB = 128;

/** Sixteen units side by side in one process, each against the same unit alone; modelled milliseconds. */
export async function measureManySlots(): Promise<object> {
  const bench = newBench();
  const old = [application(KIB * 1024, 2)];
  const release = [application(KIB * 1024, 1)];
  const serials = Array.from({ length: SLOTS }, (_, index) => `S${index}`);
  for (const serial of ['LONE', ...serials]) preload(bench, serial, old);
  const lone = totalMs(await runUnit(bench, 'LONE', release));
  const together = await Promise.all(serials.map((serial) => runUnit(bench, serial, release)));
  const slowest = Math.max(...together.map(totalMs));
  return { slots: SLOTS, kib: KIB, loneMs: lone, slowestMs: slowest, slowestToLone: slowest / lone };
}

function totalMs({ ms }: RunResult): number {
  return ms.connect + ms.identify + ms.survey + ms.carryOut + ms.start;
}

const MemoryFigures = z.object({ slots: z.number(), imageMib: z.number(), mostRssMib: z.number() });

/** In a process of its own: what it holds counts, and nothing that was measured before. */
export function measureManyImages(): z.infer<typeof MemoryFigures> {
  const file = join(import.meta.dirname, 'program-memory.ts');
  return MemoryFigures.parse(JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' })));
}
