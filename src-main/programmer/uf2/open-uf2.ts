import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { UF2_BLOCK } from '../../image/uf2-block.ts';
import { type Drive, SECTOR } from '../../link/drive.ts';
import type { Programmer } from '../programmer.ts';
import { checkBoard } from './info-uf2.ts';
import { CURRENT, Uf2Flash } from './uf2-flash.ts';

const INFO = 'INFO_UF2.TXT';
/** Some hundred bytes as a rule. */
const MOST_INFO = 16 * SECTOR;
const PAYLOAD = 256;
/** A boot loader resets 30 ms after the last block; the host's controller notices at its own pace. */
const LEAVE_MS = 5000;

/**
 * A unit in its UF2 boot loader, by its drive. Rejects with `wrong-chip`, and with `probe-unsuited` where the boot loader
 * shows nothing of what it holds; by then the drive is closed.
 */
export async function openUf2(drive: Drive, chip: ChipDescription, io: IoContext): Promise<Programmer> {
  try {
    return await open(drive, chip, io);
  } catch (error) {
    await drive.close();
    throw error;
  }
}

async function open(drive: Drive, chip: ChipDescription, io: IoContext): Promise<Programmer> {
  const { uf2 } = chip;
  const size = (await drive.size(INFO, io)) ?? 0;
  if (size === 0) throw unsuited(drive, `there is no ${INFO} on it: this is no UF2 boot loader`);
  const sectors = Math.ceil(Math.min(size, MOST_INFO) / SECTOR);
  const text = new TextDecoder().decode((await drive.read(INFO, 0, sectors * SECTOR, io)).subarray(0, size));
  const current = await drive.size(CURRENT, io);
  if (uf2?.kind !== 'current-uf2' || current === undefined) {
    const others = [chip.swd ? 'swd' : '', chip.uart ? 'uart' : '', chip.dfu ? 'dfu' : ''].filter(Boolean).join(', ');
    const way = others === '' ? 'by another interface' : `by ${others}`;
    const why = `its boot loader does not show what it holds (no ${CURRENT}), so that nothing written is proven`;
    throw unsuited(drive, `${why}; program the chip ${way}`);
  }
  checkBoard(text, uf2.board, chip);
  const needed = Math.max(...flashMemories(chip).map((memory) => ((memory.start + memory.size) / PAYLOAD) * UF2_BLOCK));
  if (current < needed) {
    const params = { expected: chip.name, register: `${CURRENT}’s size`, found: String(current) };
    throw new FlashlineError('wrong-chip', { params });
  }
  const flash = new Uf2Flash(drive, uf2.families[0]);
  return {
    chip,
    identify: () => Promise.resolve({ uid: uf2.uid ? uidOf(drive) : null, chip: chip.id, locks: {} }),
    openFlash: () => Promise.resolve(flash),
    start: (context) => start(drive, flash, context),
    close: () => drive.close(),
  };
}

/** The serial number's 32-bit words, the lowest first, become one number. Null where nobody tells it. */
function uidOf({ serial }: Drive): string | null {
  if (serial === undefined || !/^(?:[\dA-Fa-f]{8})+$/u.test(serial)) return null;
  return (serial.match(/.{8}/gu) ?? []).toReversed().join('').toLowerCase();
}

async function start(drive: Drive, flash: Uf2Flash, io: IoContext): Promise<void> {
  try {
    await flash.complete(io);
  } catch (error) {
    // The unit may reset before the system has heard that the block arrived.
    if (!(error instanceof FlashlineError) || error.failure.code !== 'probe-lost') throw error;
  }
  if ((await drive.left(LEAVE_MS, io)) && !(await drive.isBack(io))) return;
  throw new FlashlineError('boot-loader-stays', { params: { seconds: LEAVE_MS / 1000 } });
}

function unsuited(drive: Drive, detail: string): FlashlineError {
  return new FlashlineError('probe-unsuited', { params: { url: drive.url, detail } });
}
