import { hexAddress, readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { type ChipDescription, flashMemories } from '#shared/model/chip.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Link } from '../../link/link.ts';
import { identifyChip } from '../../target/identity.ts';
import type { Programmer } from '../programmer.ts';
import { checkBoard } from '../uf2/info-uf2.ts';
import { Hf2Client } from './hf2-client.ts';
import { Hf2Flash } from './hf2-flash.ts';
import { UnitDigest } from './unit-digest.ts';
import { WordWriter } from './word-writer.ts';

/** A boot loader that was told to start its firmware is off the bus long before. */
const LEAVE_MS = 3000;

export interface Hf2Unit {
  readonly link: Link;
  readonly chip: ChipDescription;
  /** Whether the boot loader is there again, a moment after it left: it found no firmware that it would start. */
  readonly isBack: (io: IoContext) => Promise<boolean>;
}

/**
 * A unit in its boot loader, by HF2. Rejects with `wrong-chip`, `probe-protocol` or `interface-unsupported`; by then the
 * link is closed.
 */
export async function openHf2(unit: Hf2Unit, io: IoContext): Promise<Programmer> {
  const { link, chip } = unit;
  try {
    const client = new Hf2Client(link);
    await enterBootLoader(client, io);
    await checkUnit(client, chip, io);
    return programmer(unit, client);
  } catch (error) {
    await link.close();
    throw error;
  }
}

/** Whether a boot loader is what speaks at this link. */
export async function isBootLoader(link: Link, io: IoContext): Promise<boolean> {
  return (await new Hf2Client(link).binInfo(io)).bootLoader;
}

/** Firmware that speaks HF2 hands over; the device stays on the bus. */
async function enterBootLoader(client: Hf2Client, io: IoContext): Promise<void> {
  if ((await client.binInfo(io)).bootLoader) return;
  await client.startFlash(io);
  if ((await client.binInfo(io)).bootLoader) return;
  const detail = 'its firmware does not hand over to the boot loader (press reset twice)';
  throw new FlashlineError('probe-unsuited', { params: { url: client.url, detail } });
}

async function checkUnit(client: Hf2Client, chip: ChipDescription, io: IoContext): Promise<void> {
  const { hf2 } = chip;
  if (!hf2) throw new FlashlineError('interface-unsupported', { params: { interface: 'hf2', chip: chip.name } });
  checkBoard(await client.info(io), hf2.board, chip);
  const info = await client.binInfo(io);
  const wrong = (register: string, found: string) =>
    new FlashlineError('wrong-chip', { params: { expected: chip.name, register, found } });
  if (info.family !== undefined && !hf2.families.includes(info.family))
    throw wrong('UF2 family', hexAddress(info.family));
  for (const { page, start, size } of flashMemories(chip)) {
    if (page !== info.pageSize) throw wrong('flash page size', String(info.pageSize));
    if (start + size > info.pages * info.pageSize) throw wrong('flash size', String(info.pages * info.pageSize));
  }
}

function programmer({ link, chip, isBack }: Hf2Unit, client: Hf2Client): Programmer {
  const base = chip.hf2?.words === undefined ? undefined : chip.controller?.base;
  const { digest, boot } = chip.hf2 ?? {};
  const unitDigest = digest && boot && new UnitDigest(client, digest, boot.vectors);
  const flash = new Hf2Flash(client, base === undefined ? undefined : new WordWriter(client, base), unitDigest);
  const memory = {
    readWord: async (address: number, io: IoContext) => readU32(await client.readWords(address, 1, io), 0),
    read: (address: number, length: number, io: IoContext) => flash.read(address, length, io),
  };
  return {
    chip,
    identify: (io) => identifyChip(memory, chip, io),
    openFlash: () => Promise.resolve(flash),
    start: (io) => start(client, link, isBack, io),
    close: () => link.close(),
  };
}

/** There is no response: the device is gone. */
async function start(client: Hf2Client, link: Link, isBack: Hf2Unit['isBack'], io: IoContext): Promise<void> {
  const stays = new FlashlineError('boot-loader-stays', { params: { seconds: LEAVE_MS / 1000 } });
  await client.resetIntoApp(io);
  const until = io.clock.monotonic() + LEAVE_MS;
  try {
    for (;;) {
      const left = until - io.clock.monotonic();
      if (left <= 0) throw stays;
      await link.read(left, io);
    }
  } catch (error) {
    if (!(error instanceof FlashlineError) || error.failure.code === 'boot-loader-stays') throw error;
    if (error.failure.code !== 'probe-lost') throw error.failure.code === 'probe-silent' ? stays : error;
  }
  await link.close();
  if (await isBack(io)) throw stays;
}
