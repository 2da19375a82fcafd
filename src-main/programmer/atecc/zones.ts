import type { IoContext } from '#shared/base/clock.ts';
import { hexAddress } from '#shared/base/bytes.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Progress } from '../../probe/memory-access.ts';
import { read, write, type Place } from './commands.ts';
import { CONFIG_BYTES, readConfigZone, type ConfigZone, SLOTS, slotBytes } from './config-zone.ts';
import type { AteccSession } from './session.ts';

/** The address map of ours: the chip itself knows zones, slots and words. The chip description says the same. */
const OTP_START = 0x100;
const OTP_BYTES = 64;
const SLOTS_START = 0x1000;
const SLOT_STRIDE = 0x200;
const BLOCK = 32;
const WORD = 4;

/** What lies at an address: a zone, how much of it there is, and the way to say it to the chip. */
interface Piece {
  readonly zone: Place['zone'];
  readonly slot?: number;
  readonly start: number;
  readonly size: number;
}

export function slotAddress(slot: number): number {
  return SLOTS_START + slot * SLOT_STRIDE;
}

/** Undefined where there is nothing. */
export function pieceAt(address: number): Piece | undefined {
  if (address < CONFIG_BYTES) return { zone: 'config', start: 0, size: CONFIG_BYTES };
  if (address >= OTP_START && address < OTP_START + OTP_BYTES)
    return { zone: 'otp', start: OTP_START, size: OTP_BYTES };
  const slot = Math.floor((address - SLOTS_START) / SLOT_STRIDE);
  if (slot < 0 || slot >= SLOTS) return undefined;
  const start = slotAddress(slot);
  const size = slotBytes(slot);
  return address < start + size ? { zone: 'data', slot, start, size } : undefined;
}

export async function readConfig(session: AteccSession, io: IoContext): Promise<ConfigZone> {
  return readConfigZone(await readRange(session, 0, CONFIG_BYTES, io));
}

/** Rejects with `target-fault` where the map has a hole, and with what the chip refuses. */
export async function readRange(
  session: AteccSession,
  address: number,
  length: number,
  io: IoContext,
  progress?: Progress,
): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  for (let at = address; at < address + length;) {
    const { place, size } = partAt(at, address + length);
    const bytes = await session.data(read(place, size), io);
    // Pieces begin on whole words: an address in the middle of one gets the rest of it.
    const skip = at % WORD;
    const upTo = Math.min(at - skip + size, address + length);
    out.set(bytes.subarray(skip, skip + upTo - at), at - address);
    at = upTo;
    progress?.(at - address);
  }
  return out;
}

/** Whole words; in blocks where a whole one is written. */
export async function writeRange(
  session: AteccSession,
  address: number,
  bytes: Uint8Array,
  io: IoContext,
  progress?: Progress,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { place, size } = partAt(address + at, address + bytes.length, true);
    await session.done(write(place, bytes.subarray(at, at + size)), io);
    at += size;
    progress?.(at);
  }
}

/** The block or word at an address: a block where all of it is there, and (to be written) wanted. */
function partAt(address: number, end: number, whole = false): { place: Place; size: 4 | 32 } {
  const piece = pieceAt(address);
  if (!piece)
    throw new FlashlineError('target-fault', { where: { address }, params: { address: hexAddress(address) } });
  const { zone, slot, start, size } = piece;
  const offset = address - start;
  const slotPart = slot === undefined ? {} : { slot };
  const word = offset - (offset % WORD);
  const fits = offset % BLOCK === 0 && offset + BLOCK <= size && (!whole || address + BLOCK <= end);
  if (fits && end - address > WORD) return { place: { zone, ...slotPart, offset }, size: BLOCK };
  return { place: { zone, ...slotPart, offset: word }, size: WORD };
}
