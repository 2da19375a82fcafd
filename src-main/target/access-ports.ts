import { wordsToBytes } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import type { Adi } from './adi.ts';
import { type AccessPortId, decodeIdr } from './debug-ids.ts';
import { type Component, readComponents } from './rom-table.ts';

export interface AccessPort {
  /** Its number (ADIv5) or address (ADIv6). */
  readonly at: number;
  readonly id: AccessPortId;
  /** Of a memory access port: where its ROM table, or its only component, stands. */
  readonly base: number | undefined;
}

const BASE = 0xf8;
const MOST_PORTS = 256;
/** Chips leave some numbers out (nRF9160: 0 and 4); after so many absent ones nothing came on any that we know. */
const MOST_GAP = 8;
/** DP BASEPTR0 (ADIv6.0, B2.2.3): bit 0 valid, bits 31-12 the address. */
const BASEPTR0 = { bank: 2, address: 0x0 } as const;

/** Every access port of the chip, in order. Rejects with what stands against reading at all. */
export async function findAccessPorts(adi: Adi, io: IoContext): Promise<AccessPort[]> {
  return adi.id.version >= 3 ? byRomTable(adi, io) : byNumber(adi, io);
}

async function byNumber(adi: Adi, io: IoContext): Promise<AccessPort[]> {
  const found: AccessPort[] = [];
  for (let at = 0, gap = 0; at < MOST_PORTS && gap < MOST_GAP; at++) {
    const port = await probe(adi, at, io);
    gap = port ? 0 : gap + 1;
    if (port) found.push(port);
  }
  return found;
}

async function byRomTable(adi: Adi, io: IoContext): Promise<AccessPort[]> {
  const pointer = await adi.readDp(BASEPTR0.bank, BASEPTR0.address, io);
  if ((pointer & 1) === 0) return [];
  const read = async (address: number, length: number) =>
    wordsToBytes([...(await adi.readApSpace(address, length / 4, io))]);
  const found: AccessPort[] = [];
  for (const { address } of leaves(await readComponents(read, pointer & 0xffff_f000, io))) {
    const port = await probe(adi, address, io);
    if (port) found.push(port);
  }
  return found;
}

function leaves(component: Component): Component[] {
  if (component.id?.class === 'rom-table') return component.entries.flatMap(leaves);
  return [component];
}

async function probe(adi: Adi, at: number, io: IoContext): Promise<AccessPort | undefined> {
  try {
    const idr = await adi.identify(at, io);
    if (idr === 0) return undefined;
    const id = decodeIdr(idr);
    return { at, id, base: id.class === 'memory' ? decodeBase(await adi.readAp(at, BASE, io)) : undefined };
  } catch (error) {
    // An access port that refuses to be identified is none that we could use.
    if (error instanceof FlashlineError && error.failure.code === 'target-fault') return undefined;
    throw error;
  }
}

/** Bits 1-0: 3 present, 2 absent; all ones (absent) and 0 (present) are from before that format (ADIv5.2, C2.6.1). */
export function decodeBase(value: number): number | undefined {
  if (value >>> 0 === 0xffff_ffff || (value & 3) === 2) return undefined;
  return (value & 0xffff_f000) >>> 0;
}
