import type { IoContext } from '#shared/base/clock.ts';
import { type FailureCode, FlashlineError } from '#shared/model/failure.ts';
import type { Access } from './protection.ts';

const COMING_BACK_MS = 1000;
const PAUSE_MS = 5;
/** What a chip in the middle of a reset gives for an answer. */
const RESETTING: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'no-target',
  'wire-noise',
  'target-fault',
  'target-stuck',
]);

/** Does what resets the chip, whose answer may be lost with it, and connects again. */
export async function throughReset({ adi }: Access, reset: () => Promise<void>, io: IoContext): Promise<void> {
  await orResetting(reset());
  const deadline = io.clock.monotonic() + COMING_BACK_MS;
  for (;;) {
    try {
      await adi.reconnect(io);
      return;
    } catch (error) {
      if (!isResetting(error) || io.clock.monotonic() >= deadline) throw error;
      await io.clock.sleep(PAUSE_MS, io.signal);
    }
  }
}

/** A system reset that leaves the core halted; by the reset line where the core's own debug registers refuse. */
export function systemReset(access: Access, io: IoContext): Promise<void> {
  return throughReset(
    access,
    async () => {
      if (await orResetting(access.core.reset('halt', io))) return;
      await access.adi.port.pulseReset(10, io);
    },
    io,
  );
}

/** False when the chip refused; anything else that is thrown stays thrown. */
export async function orResetting(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isResetting(error)) return false;
    throw error;
  }
}

/** As a chip in the middle of a reset, or one that shows a debugger nothing, fails. */
export function isResetting(error: unknown): boolean {
  return error instanceof FlashlineError && RESETTING.has(error.failure.code);
}
