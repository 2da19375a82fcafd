import { hexAddress } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type DebugChip, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../../probe/memory-access.ts';

/** Data sheets give typical times; deadlines allow this many of them. */
const PATIENCE = 10;
const MOST_POLLS = 200;
const LONGEST_PAUSE_MS = 50;

/** Asks until the erase is over. Progress is by the clock: no chip says how far it is. */
export async function untilErased(
  chip: DebugChip,
  isOver: () => Promise<boolean>,
  io: IoContext,
  progress?: Progress,
): Promise<void> {
  const typicalMs = massEraseMs(chip);
  const total = flashMemories(chip).reduce((sum, { size }) => sum + size, 0);
  const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(1, typicalMs / MOST_POLLS));
  const started = io.clock.monotonic();
  for (;;) {
    if (await isOver()) return progress?.(total);
    const passed = io.clock.monotonic() - started;
    if (passed > PATIENCE * typicalMs) {
      const params = { address: hexAddress(chip.controller.base), seconds: (passed / 1000).toFixed(1) };
      throw new FlashlineError('flash-timeout', { params, cause: 'the mass erase did not end' });
    }
    progress?.(Math.floor(total * Math.min(0.99, passed / typicalMs)));
    await io.clock.sleep(pauseMs, io.signal);
  }
}

/** By the description, else as long as all its pages one by one: no chip's mass erase is slower. */
function massEraseMs(chip: DebugChip): number {
  const pages = flashMemories(chip).reduce((sum, { size, page, eraseMs }) => sum + (size / page) * eraseMs, 0);
  return chip.massErase?.ms ?? pages;
}
