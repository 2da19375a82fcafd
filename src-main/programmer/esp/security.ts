import { readU32 } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import type { EspUart } from '#shared/model/interfaces/esp.ts';
import { OP, request } from './commands.ts';
import { type EspLoader, Refused } from './loader.ts';

/** What a unit's eFuses already forbid. */
export interface Security {
  readonly secureBoot: boolean;
  /** What is written plainly is read back as noise by the running chip. */
  readonly flashEncryption: boolean;
  /** The ROM answers a few commands only: no registers, no code in RAM, no digest. */
  readonly secureDownload: boolean;
  /** As an image's header has it; undefined where the ROM does not tell. */
  readonly chipId?: number;
}

/**
 * GET_SECURITY_INFO: flags (bit 0 secure boot, 2 secure download mode), count of flash encryption, 7 key purposes; from
 * the ESP32-S3 and -C3 on chip id and version too.
 */
export function parseSecurity(data: Uint8Array): Security | undefined {
  if (data.length !== 12 && data.length !== 20) return undefined;
  const flags = readU32(data, 0);
  return {
    secureBoot: (flags & 1) !== 0,
    secureDownload: (flags & 4) !== 0,
    flashEncryption: isOdd(data[4] ?? 0),
    ...(data.length === 20 ? { chipId: readU32(data, 12) } : {}),
  };
}

/** Encryption is on while an odd number of the counter's bits is burnt: each second one turns it off again. */
function isOdd(value: number): boolean {
  let ones = 0;
  for (let rest = value; rest !== 0; rest >>>= 1) ones += rest & 1;
  return ones % 2 === 1;
}

/** ESP32: EFUSE_BLK0_RDATA0 and 6 (TRM, eFuse Controller, registers 19.1 and 19.7). */
const RDATA0 = 0x3ff5a000;
const RDATA6 = 0x3ff5a018;

/** The first ESP32s have no command for it, their eFuses can be read. FLASH_CRYPT_CNT: bits 26:20; ABS_DONE_0 and 1: 5:4. */
async function readEfuses(loader: EspLoader, io: IoContext): Promise<Security> {
  const counter = ((await loader.readRegister(RDATA0, io)) >>> 20) & 0x7f;
  const done = ((await loader.readRegister(RDATA6, io)) >>> 4) & 3;
  return { secureBoot: done !== 0, flashEncryption: isOdd(counter), secureDownload: false };
}

export async function readSecurity(chip: EspUart, loader: EspLoader, io: IoContext): Promise<Security> {
  if (chip.security === 'none') return readEfuses(loader, io);
  const data = chip.security === 'flags' ? 12 : 20;
  const { body } = await loader.ask(OP.GET_SECURITY_INFO, request(OP.GET_SECURITY_INFO, new Uint8Array()), io, {
    data,
  });
  const found = parseSecurity(body.subarray(0, data));
  if (!found) throw new Refused('other', 'security information of an unknown length');
  return found;
}
