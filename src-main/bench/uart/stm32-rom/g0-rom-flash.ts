import { readU32 } from '#shared/base/bytes.ts';
import {
  type OpenRomBus,
  OPTION_KEYS,
  RDP_LEVEL_0,
  RDP_LEVEL_1,
  rdpLevelOf,
  type RomBus,
  type RomFlash,
  unlockedBy,
} from './rom-flash.ts';

/** RM0444, 3.7 FLASH registers. */
const BASE = 0x40022000;
const KEYR = BASE + 0x08;
const OPTKEYR = BASE + 0x0c;
const SR = BASE + 0x10;
const CR = BASE + 0x14;
const OPTR = BASE + 0x20;
const WRP1AR = BASE + 0x2c;
const WRP1BR = BASE + 0x30;
const PG = 1 << 0;
const PER = 1 << 1;
const MER1 = 1 << 2;
const STRT = 1 << 16;
const OPTSTRT = 1 << 17;
const ERRORS = 0xc3fb;
const PAGES = 64;
const DOUBLE_WORD = 8;
/** First page after last: no area. */
const NO_AREA = 0x3f;

/** Double words, the last filled up with ones. */
export function g0RomFlash(open: OpenRomBus): RomFlash {
  const unlocked = unlockedBy(open, { key: KEYR, status: SR, control: CR, errors: ERRORS });
  const setOptions = (at: number, change: (bus: RomBus) => void): number =>
    unlocked(at, (bus) => {
      for (const value of OPTION_KEYS) bus.poke(OPTKEYR, value);
      change(bus);
      bus.poke(CR, OPTSTRT);
      bus.wait();
    });
  return {
    level: (at) => rdpLevelOf(open(at).peek(OPTR) & 0xff),
    erase: (page, at) => page < PAGES && unlocked(at, (bus) => bus.poke(CR, PER | (page << 3) | STRT)),
    massErase: (at) => unlocked(at, (bus) => bus.poke(CR, MER1 | STRT)),
    write: (address, data, at) =>
      unlocked(at, (bus) => {
        const padded = new Uint8Array(Math.ceil(data.length / DOUBLE_WORD) * DOUBLE_WORD).fill(0xff);
        padded.set(data);
        bus.poke(CR, PG);
        for (let i = 0; i < padded.length; i += 4) bus.poke(address + i, readU32(padded, i));
      }),
    setReadout: (protect, at) =>
      setOptions(at, (bus) => bus.poke(OPTR, (bus.peek(OPTR) & ~0xff) | (protect ? RDP_LEVEL_1 : RDP_LEVEL_0))),
    setWriteProtection: (sectors, at) =>
      setOptions(at, (bus) => {
        const area = sectors === null ? NO_AREA : Math.min(...sectors) | (Math.max(...sectors) << 16);
        bus.poke(WRP1AR, area);
        if (sectors === null) bus.poke(WRP1BR, NO_AREA);
      }),
  };
}
