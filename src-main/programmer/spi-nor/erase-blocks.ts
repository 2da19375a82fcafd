import type { IoContext } from '#shared/base/clock.ts';
import type { EraseUnit } from '../../plan/erase-cost.ts';
import type { SpiTransfer } from '../../probe/spi-port.ts';
import { ask, status, WRITE_ENABLED, writeEnable } from './nor-commands.ts';
import { type NorChip, refused, timeout } from './nor-chip.ts';

/** Of the typical time; what is left is polled. */
const ASLEEP = 0.9;
/** Data sheets' worst are up to fourteen times the typical. */
const PATIENCE = 20;
const LEAST_PATIENCE_MS = 500;
/** Between two looks: a fraction of the typical time. */
const LOOK = 1 / 30;

export interface Erasing extends EraseUnit {
  readonly instruction: SpiTransfer;
}

/**
 * Erases one after another. The next is begun in the same transfers that look whether the one before is over: write
 * enable, status, erase. The chip takes the erase just when that status is ready and enabled; while it is busy it ignores
 * both instructions. Rejects with `flash-timeout` or `flash-refused`.
 */
export async function eraseBlocks(
  chip: NorChip,
  units: readonly Erasing[],
  io: IoContext,
  done: (unit: Erasing) => void,
): Promise<void> {
  let before: Erasing | undefined;
  for (const unit of units) {
    await begin(chip, unit, before, io);
    if (before) done(before);
    await io.clock.sleep(unit.ms * ASLEEP, io.signal);
    before = unit;
  }
  if (!before) return;
  await chip.waitReady(before.address, patienceOf(before), io);
  await chip.requireDone(units[0]?.address ?? before.address, io);
  done(before);
}

async function begin(chip: NorChip, unit: Erasing, before: Erasing | undefined, io: IoContext): Promise<void> {
  const patience = patienceOf(before ?? unit);
  const until = io.clock.monotonic() + patience;
  for (;;) {
    // Of most chips one register says both.
    const asked = chip.asksFlags ? [ask(chip.readyRegister, 1)] : [];
    const answers = await chip.port.transfer([...asked, writeEnable, status(1), unit.instruction], io);
    const [enabled = 0xff] = answers[asked.length + 1] ?? [];
    const [ready = 0xff] = chip.asksFlags ? (answers[0] ?? []) : [enabled];
    chip.requirePresent(Uint8Array.of(ready & enabled));
    if (!chip.isBusy(ready)) {
      if ((enabled & WRITE_ENABLED) === 0) throw refused(unit.address, 'the write enable latch stays clear');
      return;
    }
    if (io.clock.monotonic() > until) throw timeout((before ?? unit).address, patience);
    await io.clock.sleep((before ?? unit).ms * LOOK, io.signal);
  }
}

function patienceOf({ ms }: EraseUnit): number {
  return Math.max(LEAST_PATIENCE_MS, ms * PATIENCE);
}
