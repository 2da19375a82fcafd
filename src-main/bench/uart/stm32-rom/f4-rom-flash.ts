import {
  type OpenRomBus,
  OPTION_KEYS,
  RDP_LEVEL_0,
  RDP_LEVEL_1,
  rdpLevelOf,
  type RomFlash,
  unlockedBy,
} from './rom-flash.ts';

/** RM0090, 3.9 Flash interface registers. */
const BASE = 0x40023c00;
const KEYR = BASE + 0x04;
const OPTKEYR = BASE + 0x08;
const SR = BASE + 0x0c;
const CR = BASE + 0x10;
const OPTCR = BASE + 0x14;
const PG = 1 << 0;
const SER = 1 << 1;
const MER = 1 << 2;
const STRT = 1 << 16;
const OPTLOCK = 1 << 0;
const OPTSTRT = 1 << 1;
const ERRORS = 0xf3;
const SECTORS = 12;
const NWRP = 0x0fff0000;

/** AN2606, STM32F40xxx/41xxx: bytes only (PSIZE 0), as the supply may be 1.8 V. */
export function f4RomFlash(open: OpenRomBus): RomFlash {
  const unlocked = unlockedBy(open, { key: KEYR, status: SR, control: CR, errors: ERRORS });
  const setOptions = (at: number, change: (options: number) => number): number => {
    const bus = open(at);
    for (const value of OPTION_KEYS) bus.poke(OPTKEYR, value);
    const wanted = change(bus.peek(OPTCR) & ~(OPTLOCK | OPTSTRT));
    bus.poke(OPTCR, wanted);
    bus.poke(OPTCR, wanted | OPTSTRT);
    bus.wait();
    return bus.at;
  };
  return {
    level: (at) => rdpLevelOf((open(at).peek(OPTCR) >>> 8) & 0xff),
    erase: (page, at) => page < SECTORS && unlocked(at, (bus) => bus.poke(CR, SER | (page << 3) | STRT)),
    massErase: (at) => unlocked(at, (bus) => bus.poke(CR, MER | STRT)),
    write: (address, data, at) =>
      unlocked(at, (bus) => {
        bus.poke(CR, PG);
        for (const [index, byte] of data.entries()) bus.poke(address + index, byte, 1);
      }),
    setReadout: (protect, at) =>
      setOptions(at, (options) => (options & ~0xff00) | ((protect ? RDP_LEVEL_1 : RDP_LEVEL_0) << 8)),
    setWriteProtection: (sectors, at) =>
      setOptions(at, (options) => {
        if (sectors === null) return options | NWRP;
        return sectors.reduce((kept, sector) => kept & ~((1 << (16 + sector)) & NWRP), options);
      }),
  };
}
