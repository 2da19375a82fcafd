import type { ChipFactory, ChipModel } from '../chip.ts';
import type { Slave } from '../chip-bus.ts';
import { CORTEX_M4 } from '../cpu/core-kind.ts';
import { Ram } from '../cpu/ram.ts';
import { CortexMChip } from '../cortex-m-chip.ts';
import type { FlashArray } from '../flash-array.ts';
import { bootAlias, flashSlave, idlingRom, registerSlave } from '../flash-slaves.ts';
import { FlashWork } from '../flash-work.ts';
import { jtagDpTap } from '../jtag/jtag-dp.ts';
import { Tap } from '../jtag/tap.ts';
import { Prng } from '../prng.ts';
import { FixedWords, ramSlave, RegisterFile } from '../register-file.ts';
import type { SwDp } from '../sw-dp.ts';
import { Cells, FLASH } from './cells.ts';
import { FlashController } from './flash-controller.ts';
import { FACTORY_OPTIONS, programOptions } from './options.ts';

/** RM0090, 38.6.1 MCU device ID code, and 38.6.3, 38.8.3: what its ports say. */
export const IDCODE = 0x10076413;
/** An STM32F427/437 revision 3: the part most like it that stands in a fixture by mistake. */
export const OTHER_IDCODE = 0x20036419;
export const DPIDR = 0x2ba01477;
export const JTAG_IDCODE = 0x4ba00477;
const BOUNDARY_SCAN_IDCODE = 0x06413041;

/** The internal oscillator, from which it starts (RM0090, 7.2.2). */
const HSI_HZ = 16_000_000;

/** RM0090, 2.3 Memory map. */
const SRAM = { start: 0x20000000, size: 0x20000 } as const;
const CCM = { start: 0x10000000, size: 0x10000 } as const;
const SYSTEM_MEMORY = { start: 0x1fff0000, size: 0x7800 } as const;
const APB = { start: 0x40000000, size: 0x17000 } as const;
const AHB1 = { start: 0x40020000, size: 0x60000 } as const;
const AHB2 = { start: 0x50000000, size: 0x60c00 } as const;
const FLASH_INTERFACE = { start: 0x40023c00, size: 0x400 } as const;
const ALIAS_SIZE = 0x100000;
/** Behind the OTP area: 96 bits of unique id, and the size of the flash in KiB (RM0090, 39.1, 39.2). */
const FACTORY = { start: 0x1fff7a10, size: 0x20, sizeWord: 0x1fff7a20 } as const;
const DBGMCU = { start: 0xe0042000, size: 0x400 } as const;

const SYSCFG_MEMRMP = 0x40013800;
const RCC_CR = 0x40023800;
const RCC_PLLCFGR = 0x40023804;
const RCC_CFGR = 0x40023808;

/** An STM32F407VG: 1 MiB of flash, 128 KiB of RAM and 64 of core-coupled RAM. BOOT0 is low: it boots from flash. */
export function makeStm32f407(factory: ChipFactory): ChipModel {
  const prng = new Prng(factory.seed);
  const cells = new Cells();
  programOptions(cells.options, FACTORY_OPTIONS);
  const work = new FlashWork((operations) => chip.events?.flashFinished(chip, operations));
  const controller = new FlashController(cells, work, prng);
  const ram = new Ram(SRAM.start, SRAM.size, prng);
  const ccm = new Ram(CCM.start, CCM.size, prng);
  const array = (cellArray: FlashArray): Slave => flashSlave(cellArray, controller, work, () => chip);
  const main = array(cells.main);
  const apb = new RegisterFile(APB.start, APB.size);
  const ahb1: RegisterFile = new RegisterFile(AHB1.start, AHB1.size, {
    resets: AHB1_RESETS,
    shown: readyBits,
    written: (address, value) => {
      if (address === RCC_CFGR) chip.scs.core.setClock((value & 3) === 2 ? pllHz(ahb1.value(RCC_PLLCFGR)) : HSI_HZ);
    },
  });
  const ahb2 = new RegisterFile(AHB2.start, AHB2.size);
  const debugUnit = new RegisterFile(DBGMCU.start, DBGMCU.size, {
    shown: (address, value) => (address === DBGMCU.start ? idcode(factory) : value),
  });
  const chip: CortexMChip = new CortexMChip({
    core: CORTEX_M4,
    hz: HSI_HZ,
    debugPort: { dpidr: DPIDR },
    accessPort: { idr: 0x24770011, base: 0xe00ff003, packed: true },
    incrementWindow: factory.incrementWindow ?? 0x1000,
    ram,
    otherRams: [ccm],
    slaves: [
      bootAlias(ALIAS_SIZE, main, ram, () => apb.value(SYSCFG_MEMRMP) & 3),
      main,
      ramSlave(ccm),
      idlingRom(SYSTEM_MEMORY),
      array(cells.otp),
      new FixedWords(FACTORY.start, FACTORY.size, factoryWords(factory), 0xffffffff),
      array(cells.options),
      registerSlave(FLASH_INTERFACE, controller, work),
      apb,
      ahb1,
      ahb2,
    ],
    privateSlaves: [debugUnit],
    arrays: cells.all,
    work,
    debuggerReaches: () => {
      controller.debuggerCame();
      // Level 2 has no debug access left (RM0090, 3.7.3).
      return controller.level < 2;
    },
    reset: (powerUp) => {
      controller.reset(powerUp);
      for (const file of [apb, ahb1, ahb2]) file.reset();
      if (powerUp) debugUnit.reset();
    },
    vectors: FLASH.start,
    systemVectors: SYSTEM_MEMORY.start,
    protect: () => {
      cells.options.eraseAll();
      programOptions(cells.options, FACTORY_OPTIONS & ~0xff00);
    },
    misuse: () => controller.misuse.list,
    taps,
  });
  return chip;
}

/** Debug port and boundary scan, the debug port nearer to TDO (RM0090, 38.6). */
function taps(debugPort: SwDp): Tap[] {
  return [
    jtagDpTap('cpu', JTAG_IDCODE, debugPort.registers),
    new Tap({
      name: 'boundary-scan',
      irLength: 5,
      captureIr: 0b00001,
      idcode: { instruction: 0b00001, value: () => BOUNDARY_SCAN_IDCODE },
    }),
  ];
}

/** Clock control and pins, where not zero (RM0090, 7.3 and 8.4.11). */
const AHB1_RESETS: ReadonlyMap<number, number> = new Map([
  [0x40020000, 0xa8000000], // GPIOA_MODER
  [0x4002000c, 0x64000000], // GPIOA_PUPDR
  [0x40020400, 0x00000280], // GPIOB_MODER
  [RCC_CR, 0x00000083],
  [RCC_PLLCFGR, 0x24003010],
  [0x40023830, 0x00100000], // RCC_AHB1ENR: core-coupled RAM
  [0x40023874, 0x0e000000], // RCC_CSR
]);

/** Oscillators are ready as soon as they are on, and the clock switch is thrown at once. */
function readyBits(address: number, value: number): number {
  if (address === RCC_CR) return value | ((value & 0x05010001) << 1);
  return address === RCC_CFGR ? (value & ~0xc) | ((value & 3) << 2) : value;
}

/** From HSI: / PLLM x PLLN / PLLP (RM0090, 7.3.2). */
function pllHz(register: number): number {
  return ((HSI_HZ / (register & 63)) * ((register >>> 6) & 511)) / (2 * (((register >>> 16) & 3) + 1));
}

function idcode(factory: ChipFactory): number {
  return factory.wrongPart() ? OTHER_IDCODE : IDCODE;
}

function factoryWords({ idWords }: ChipFactory): ReadonlyMap<number, number> {
  const [first, second, third] = idWords;
  return new Map([
    [FACTORY.start, first],
    [FACTORY.start + 4, second],
    [FACTORY.start + 8, third],
    [FACTORY.sizeWord, 0x0400ffff],
  ]);
}
