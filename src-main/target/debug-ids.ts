import { hexAddress } from '#shared/base/bytes.ts';
import { ARM, ATMEL, manufacturerName, RASPBERRY_PI, ST } from './manufacturers.ts';

/** DPIDR (ADIv5.2, B2.2.4; ADIv6.0, B2.2.5). */
export interface DebugPortId {
  readonly value: number;
  /** 1 and 2 are ADIv5, 3 is ADIv6; 0 is a JTAG-DP from before DPIDR. */
  readonly version: number;
  /** MINDP: no pushed compares, no pushed verifies, no transaction counter. */
  readonly minimal: boolean;
  readonly revision: number;
  readonly part: number;
  /** JEP106, as manufacturers.ts has it. */
  readonly designer: number;
}

export function decodeDpidr(value: number): DebugPortId {
  return {
    value: value >>> 0,
    version: (value >>> 12) & 0xf,
    minimal: (value & 0x1_0000) !== 0,
    revision: value >>> 28,
    part: (value >>> 20) & 0xff,
    designer: (value >>> 1) & 0x7ff,
  };
}

export type AccessPortClass = 'memory' | 'com' | 'jtag' | 'vendor';

/** An access port's IDR (ADIv5.2, C1.3; ADIv6.0, C1.3.1). */
export interface AccessPortId {
  readonly value: number;
  readonly class: AccessPortClass;
  /** What a memory access port leads to, or who made one that is nobody's standard. */
  readonly name: string;
  readonly revision: number;
  readonly variant: number;
  readonly designer: number;
}

const MEMORY_CLASS = 0x8;
const COM_CLASS = 0x1;
const JTAG_TYPE = 0x0;
/** IDR.TYPE of ARM's memory access ports (ADIv6.0, table C1-2). */
const BUSES: Readonly<Record<number, string>> = {
  0x1: 'AHB3-AP',
  0x2: 'APB-AP',
  0x4: 'AXI-AP',
  0x5: 'AHB5-AP',
  0x6: 'APB4-AP',
  0x7: 'AXI5-AP',
  0x8: 'AHB5-AP',
};

export function decodeIdr(value: number): AccessPortId {
  const designer = (value >>> 17) & 0x7ff;
  return {
    value: value >>> 0,
    ...kindOf((value >>> 13) & 0xf, value & 0xf, designer),
    revision: value >>> 28,
    variant: (value >>> 4) & 0xf,
    designer,
  };
}

function kindOf(code: number, type: number, designer: number): { class: AccessPortClass; name: string } {
  if (code === MEMORY_CLASS) return { class: 'memory', name: BUSES[type] ?? 'MEM-AP' };
  if (designer !== ARM) return { class: 'vendor', name: `${manufacturerName(designer)} access port` };
  if (code === COM_CLASS) return { class: 'com', name: 'COM-AP' };
  return type === JTAG_TYPE ? { class: 'jtag', name: 'JTAG-AP' } : { class: 'vendor', name: 'ARM access port' };
}

/** CPUID (ARMv6-M, B3.2.3; ARMv7-M, B3.2.3; ARMv8-M, D1.2.38). */
export interface CoreId {
  readonly value: number;
  /** As chip descriptions call it, where there is such a name. */
  readonly core: string;
  /** For people: `Cortex-M4 r0p1`. */
  readonly name: string;
}

const CORES: Readonly<Record<number, string>> = {
  0x132: 'STAR-MC1',
  0xc20: 'Cortex-M0',
  0xc21: 'Cortex-M1',
  0xc23: 'Cortex-M3',
  0xc24: 'Cortex-M4',
  0xc27: 'Cortex-M7',
  0xc60: 'Cortex-M0+',
  0xd20: 'Cortex-M23',
  0xd21: 'Cortex-M33',
  0xd22: 'Cortex-M55',
  0xd23: 'Cortex-M85',
  0xd24: 'Cortex-M52',
  0xd31: 'Cortex-M35P',
};

export function decodeCpuid(value: number): CoreId {
  const core = CORES[(value >>> 4) & 0xfff] ?? `unknown core ${hexAddress(value >>> 0)}`;
  return {
    value: value >>> 0,
    core: core.toLowerCase().replace('+', 'plus'),
    name: `${core} r${(value >>> 20) & 0xf}p${value & 0xf}`,
  };
}

/** Who made the chip, and which it is, as far as its debug registers tell. */
export interface PartId {
  readonly designer: number;
  readonly part: number;
  /** For people: the maker, and the part where we know its number. */
  readonly name: string;
}

/** TARGETID, from DPv2 on (ADIv5.2, B2.2.11). */
export function decodeTargetId(value: number): PartId {
  return partOf((value >>> 1) & 0x7ff, (value >>> 12) & 0xffff);
}

export function partOf(designer: number, part: number): PartId {
  const known = PARTS.get(designer)?.get(part);
  const maker = manufacturerName(designer);
  return { designer, part, name: known ? `${maker} ${known}` : `${maker}, part 0x${part.toString(16)}` };
}

/** Part numbers as ROM tables and TARGETID carry them: DBGMCU's DEV_ID on STM32, and what the data sheets name. */
const PARTS: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map([
  [
    ST,
    new Map([
      [0x410, 'STM32F10x'],
      [0x413, 'STM32F405/F407'],
      [0x419, 'STM32F42x/F43x'],
      [0x440, 'STM32F05x'],
      [0x447, 'STM32L07x/L08x'],
      [0x460, 'STM32G07x/G08x'],
      [0x466, 'STM32G03x/G04x'],
      [0x467, 'STM32G0Bx/G0Cx'],
    ]),
  ],
  [ATMEL, new Map([[0xcd0, 'SAM with DSU']])],
  [
    RASPBERRY_PI,
    new Map([
      [0x0040, 'RP2350'],
      [0x1002, 'RP2040'],
    ]),
  ],
]);
