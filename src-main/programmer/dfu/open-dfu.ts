import type { IoContext } from '#shared/base/clock.ts';
import type { ChipDescription } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Programmer } from '../programmer.ts';
import { type DfuPlace, openLoader } from './dfu-place.ts';
import { DfuSeUnit } from './dfuse-unit.ts';
import { PlainDfuUnit } from './plain-unit.ts';
import { isDfuSe } from './protocol.ts';

/** The unit at this place, by its boot loader. Rejects as `openLoader` does, or with `probe-unsuited`. */
export async function openDfu(place: DfuPlace, chip: ChipDescription, io: IoContext): Promise<Programmer> {
  const { dfu } = chip;
  if (!dfu) throw new FlashlineError('interface-unsupported', { params: { interface: 'dfu', chip: chip.name } });
  const opened = await openLoader(place, chip, io);
  if (dfu.kind === 'dfu') return new PlainDfuUnit(chip, dfu, place, opened);
  if (isDfuSe(opened.description.functional)) return new DfuSeUnit(chip, dfu, place, opened);
  await opened.usb.close();
  const detail = 'it speaks DFU, but not ST’s extension DfuSe';
  throw new FlashlineError('probe-unsuited', { params: { url: place.url, detail } });
}
