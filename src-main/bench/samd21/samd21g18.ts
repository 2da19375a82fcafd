import type { ChipFactory, ChipModel } from '../chip.ts';
import { ChipBus, type Slave } from '../chip-bus.ts';
import { CortexMChip } from '../cortex-m-chip.ts';
import { CORTEX_M0PLUS } from '../cpu/core-kind.ts';
import { Ram } from '../cpu/ram.ts';
import { FlashArray } from '../flash-array.ts';
import { flashSlave, registerSlave } from '../flash-slaves.ts';
import { FlashWork } from '../flash-work.ts';
import { Prng } from '../prng.ts';
import { FixedWords, RegisterFile } from '../register-file.ts';
import { Dsu, DSU_EXTERNAL } from './dsu.ts';
import { FLASH, Nvmctrl, ROW_SIZE, USER_ROW } from './nvmctrl.ts';

/** SAM D21 data sheet, 13 DSU, DID: SAM D21G18A, revision A. */
export const DID = 0x10010005;
/** A SAM D21E18A: the part most like it that stands in a fixture by mistake. */
const OTHER_DID = 0x1001000a;
export const DPIDR = 0x0bc11477;
const ACCESS_PORT = { idr: 0x04770031, base: 0x41003003, packed: false } as const;

const RAM = { start: 0x20000000, size: 0x8000 } as const;
const CALIBRATION = { start: 0x806000, size: 0x100 } as const;
/** Four words of 128 bits (data sheet, 10.3.3 Serial number). */
const SERIAL = { start: 0x80a000, size: 0x100, words: [0x80a00c, 0x80a040, 0x80a044, 0x80a048] } as const;
const NVMCTRL = { start: 0x41004000, size: 0x400 } as const;
const BRIDGE_A = { start: 0x40000000, size: 0x2000 } as const;
/** PAC1 before the device service unit, DMA and pins behind the flash controller. */
const BRIDGE_B_LOW = { start: 0x41000000, size: 0x2000 } as const;
const BRIDGE_B = { start: 0x41004400, size: 0x3c00 } as const;
const BRIDGE_C = { start: 0x42000000, size: 0x6000 } as const;
const PORT_IOBUS = { start: 0x60000000, size: 0x200 } as const;

const OSC8M = 0x40000820;
const PCLKSR = 0x4000080c;
/** Eight to one: the core starts at 1 MHz (data sheet, 17 SYSCTRL, OSC8M). */
const OSC8M_RESET = 0x00000382;
const OSC8M_HZ = 8_000_000;
/** Every oscillator says that it is ready. */
const ALL_READY = 0x0000009f;

/** BOOTPROT none, fuses as shipped, no region locked (data sheet, 10.3.1 NVM user row). */
const FACTORY_USER_ROW = [0xd8e0c7ff, 0xfffffc5d] as const;

/** A SAM D21G18A: 256 KiB of flash, 32 KiB of RAM. */
export function makeSamd21g18(factory: ChipFactory): ChipModel {
  const prng = new Prng(factory.seed);
  const kind = { page: ROW_SIZE, writesAllowed: Infinity } as const;
  const flash = new FlashArray(FLASH.start, FLASH.size, kind);
  const userRow = new FlashArray(USER_ROW.start, USER_ROW.size, kind);
  FACTORY_USER_ROW.forEach((word, index) => userRow.program(USER_ROW.start + index * 4, word));
  const work = new FlashWork((operations) => chip.events?.flashFinished(chip, operations));
  const nvmctrl = new Nvmctrl(flash, userRow, work, prng);
  const ram = new Ram(RAM.start, RAM.size, prng);
  const array = (cells: FlashArray): Slave => flashSlave(cells, nvmctrl, work, () => chip);
  const bridges = [
    new RegisterFile(BRIDGE_A.start, BRIDGE_A.size, {
      resets: new Map([[OSC8M, OSC8M_RESET]]),
      shown: (address, value) => (address === PCLKSR ? ALL_READY : value),
      written: (address, value) => {
        if (address === OSC8M) chip.scs.core.setClock(OSC8M_HZ >>> ((value >>> 8) & 3));
      },
    }),
    new RegisterFile(BRIDGE_B_LOW.start, BRIDGE_B_LOW.size),
    new RegisterFile(BRIDGE_B.start, BRIDGE_B.size),
    new RegisterFile(BRIDGE_C.start, BRIDGE_C.size),
    new RegisterFile(PORT_IOBUS.start, PORT_IOBUS.size),
  ];
  const dsu = new Dsu({
    did: () => (factory.wrongPart() ? OTHER_DID : DID),
    chipErase: (at, finished) => {
      ram.views.bytes.fill(0);
      nvmctrl.chipErase(at, finished);
    },
    readWord: (address, at) => new ChipBus(ram, slaves).read(address, 4, at),
    settle: (at) => work.settle(at),
  });
  const slaves: readonly Slave[] = [
    array(flash),
    array(userRow),
    new FixedWords(CALIBRATION.start, CALIBRATION.size, new Map(), 0xffffffff),
    new FixedWords(SERIAL.start, SERIAL.size, serialWords(factory), 0xffffffff),
    dsu,
    registerSlave(NVMCTRL, nvmctrl, work),
    ...bridges,
  ];
  const chip: CortexMChip = new CortexMChip({
    core: CORTEX_M0PLUS,
    hz: OSC8M_HZ >>> 3,
    debugPort: { dpidr: DPIDR },
    accessPort: ACCESS_PORT,
    incrementWindow: 0x400,
    ram,
    slaves,
    arrays: [flash, userRow],
    work,
    debuggerReaches: (address) => {
      dsu.debuggerCame();
      return !dsu.protectedNow || (address >= DSU_EXTERNAL.start && address < DSU_EXTERNAL.end);
    },
    reset: (powerUp) => {
      nvmctrl.reset(powerUp);
      dsu.reset(powerUp, nvmctrl.securityBit);
      for (const bridge of bridges) bridge.reset();
    },
    vectors: FLASH.start,
    protect: () => {
      nvmctrl.securityBit = true;
    },
    misuse: () => nvmctrl.misuse.list,
  });
  return chip;
}

function serialWords({ idWords }: ChipFactory): ReadonlyMap<number, number> {
  return new Map(SERIAL.words.map((address, index) => [address, idWords[index] ?? 0]));
}
