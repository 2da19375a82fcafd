import type { IoContext } from '#shared/base/clock.ts';
import type { EspEfuse } from '#shared/model/interfaces/esp-efuse.ts';
import type { Registers } from './registers.ts';
import { type EfuseReader, fieldOf } from './reader.ts';

/** ESP32, SYSCON: bit 31 of its date tells revision 3 from 2 (esp_efuse, `APB_CTRL_DATE`). */
const SYSCON_DATE = 0x3ff6_607c;
/** REV2 and REV1 with the date's bit above them. */
const ESP32_MAJOR: Readonly<Record<number, number>> = { 0: 0, 1: 1, 3: 2, 7: 3 };

/** A chip's revision as image headers count it: hundreds are major. */
export async function readRevision(
  efuse: EspEfuse,
  reader: EfuseReader,
  loader: Registers,
  io: IoContext,
): Promise<number> {
  const joined = async (names: readonly string[]) => {
    let value = 0;
    for (const name of names) value = value * 2 ** fieldOf(efuse, name).size + (await reader.value(name, io));
    return value;
  };
  const minor = await joined(efuse.revision.minor);
  let major = await joined(efuse.revision.major);
  if (efuse.kind === 'esp32') {
    const date = await loader.readRegister(SYSCON_DATE, io);
    major = ESP32_MAJOR[(date >>> 31) * 4 + major] ?? 0;
  }
  // The first ESP32-S3 left its revision's bits to calibration data of version 1.1.
  if (efuse.revision.unsetBy && (minor & 7) === 0) {
    const [blockMajor, blockMinor] = efuse.revision.unsetBy;
    if ((await reader.value(blockMajor, io)) === 1 && (await reader.value(blockMinor, io)) === 1) return 0;
  }
  return major * 100 + minor;
}

/** `3.1` */
export function revisionText(revision: number): string {
  return `${Math.floor(revision / 100)}.${revision % 100}`;
}
