import type { ChipFactory, ChipModel } from '../chip.ts';
import type { Slave } from '../chip-bus.ts';
import { CortexMChip } from '../cortex-m-chip.ts';
import { CORTEX_M0PLUS } from '../cpu/core-kind.ts';
import { Ram } from '../cpu/ram.ts';
import { FlashArray } from '../flash-array.ts';
import { bootAlias, flashSlave, idlingRom, registerSlave } from '../flash-slaves.ts';
import { FlashWork } from '../flash-work.ts';
import { Prng } from '../prng.ts';
import { FixedWords, RegisterFile } from '../register-file.ts';
import { EccArray } from './ecc-array.ts';
import { FlashController } from './flash-controller.ts';
import { factoryOptions, OPTIONS, storeOptions } from './options.ts';

/** RM0444, 40.5 and 40.10.1: what its port and its debug unit say. */
export const IDCODE = 0x20006460;
/** An STM32G0B1: the part most like it that stands in a fixture by mistake. */
export const OTHER_IDCODE = 0x10006467;
export const DPIDR = 0x0bc11477;
const ACCESS_PORT = { idr: 0x04770031, base: 0xf0000003, packed: false } as const;

/** The internal oscillator, from which it starts (RM0444, 5.2.2). */
const HSI_HZ = 16_000_000;

/** RM0444, 2.2 Memory organization. */
const FLASH = { start: 0x08000000, size: 0x20000 } as const;
const FLASH_KIND = { page: 0x800, writesAllowed: 2 } as const;
const SRAM = { start: 0x20000000, size: 0x9000 } as const;
const SYSTEM_MEMORY = { start: 0x1fff0000, size: 0x7000 } as const;
const OTP = { start: 0x1fff7000, size: 0x400 } as const;
/** Unique id and flash size (RM0444, 41). */
const FACTORY = { start: 0x1fff7500, size: 0x100, uid: 0x1fff7590, sizeWord: 0x1fff75e0 } as const;
const APB = { start: 0x40000000, size: 0x15800 } as const;
const DBG = { start: 0x40015800, size: 0x400 } as const;
const AHB = { start: 0x40020000, size: 0x6400 } as const;
const FLASH_INTERFACE = { start: 0x40022000, size: 0x400 } as const;
const PORTS = { start: 0x50000000, size: 0x1800 } as const;
const ROM_TABLE = { start: 0xf0000000, size: 0x1000 } as const;

const SYSCFG_CFGR1 = 0x40010000;
const RCC_CR = 0x40021000;
const RCC_CFGR = 0x40021008;

/** An STM32G071RB: 128 KiB of flash with error correction, 36 KiB of RAM. BOOT0 is low: it boots from flash. */
export function makeStm32g071(factory: ChipFactory): ChipModel {
  const prng = new Prng(factory.seed);
  const main = new EccArray(FLASH.start, FLASH.size, FLASH_KIND);
  const options = new FlashArray(OPTIONS.start, OPTIONS.size, { page: OPTIONS.size, writesAllowed: Infinity });
  storeOptions(options, factoryOptions());
  const work = new FlashWork((operations) => chip.events?.flashFinished(chip, operations));
  const controller = new FlashController({ main, options }, work, prng, (at) => chip.reset(at));
  const ram = new Ram(SRAM.start, SRAM.size, prng);
  const array = (cells: FlashArray): Slave => flashSlave(cells, controller, work, () => chip);
  const flash = array(main);
  const apb = new RegisterFile(APB.start, APB.size);
  const ahb = new RegisterFile(AHB.start, AHB.size, { resets: new Map([[RCC_CR, 0x500]]), shown: readyBits });
  const ports = new RegisterFile(PORTS.start, PORTS.size);
  const debugUnit = new RegisterFile(DBG.start, DBG.size, {
    shown: (address, value) => (address === DBG.start ? idcode(factory) : value),
  });
  const chip: CortexMChip = new CortexMChip({
    core: CORTEX_M0PLUS,
    hz: HSI_HZ,
    debugPort: { dpidr: DPIDR },
    accessPort: ACCESS_PORT,
    incrementWindow: 0x400,
    ram,
    slaves: [
      bootAlias(FLASH.size, flash, ram, () => apb.value(SYSCFG_CFGR1) & 3),
      flash,
      idlingRom(SYSTEM_MEMORY),
      new FixedWords(OTP.start, OTP.size, new Map(), 0xffffffff),
      new FixedWords(FACTORY.start, FACTORY.size, factoryWords(factory), 0xffffffff),
      array(options),
      registerSlave(FLASH_INTERFACE, controller, work),
      apb,
      debugUnit,
      ahb,
      ports,
      new FixedWords(ROM_TABLE.start, ROM_TABLE.size, ROM_TABLE_WORDS),
    ],
    arrays: [main, options],
    work,
    debuggerReaches: () => {
      controller.debuggerCame();
      // Level 2 has no debug access left (RM0444, 3.5.1).
      return controller.level < 2;
    },
    reset: (powerUp) => {
      controller.reset(powerUp);
      for (const file of [apb, ahb, ports]) file.reset();
      if (powerUp) debugUnit.reset();
    },
    vectors: FLASH.start,
    systemVectors: SYSTEM_MEMORY.start,
    protect: () => storeOptions(options, new Map([...factoryOptions(), [0x20, 0xfffffe00]])),
    misuse: () => controller.misuse.list,
  });
  return chip;
}

/** Oscillators are ready as soon as they are on, and the clock switch is thrown at once. */
function readyBits(address: number, value: number): number {
  if (address === RCC_CR) return value | ((value & 0x01010000) << 1) | ((value & 0x100) << 2);
  return address === RCC_CFGR ? (value & ~0x38) | ((value & 7) << 3) : value;
}

function idcode(factory: ChipFactory): number {
  return factory.wrongPart() ? OTHER_IDCODE : IDCODE;
}

function factoryWords({ idWords }: ChipFactory): ReadonlyMap<number, number> {
  const [first, second, third] = idWords;
  return new Map([
    [FACTORY.uid, first],
    [FACTORY.uid + 4, second],
    [FACTORY.uid + 8, third],
    [FACTORY.sizeWord, 0xffff0080],
  ]);
}

/** One entry, the core's own table at 0xE00FF000; then ids that say ST and the part (ADIv5.2, D1.2). */
const ROM_TABLE_WORDS: ReadonlyMap<number, number> = new Map([
  [0xf0000000, 0xf00ff003],
  [0xf0000fcc, 1],
  [0xf0000fd0, 0x00],
  [0xf0000fe0, 0x60],
  [0xf0000fe4, 0x04],
  [0xf0000fe8, 0x0a],
  [0xf0000fec, 0x00],
  [0xf0000ff0, 0x0d],
  [0xf0000ff4, 0x10],
  [0xf0000ff8, 0x05],
  [0xf0000ffc, 0xb1],
]);
