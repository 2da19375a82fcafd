import { readU32 } from '#shared/base/bytes.ts';

/** CIDR1's class field (ADIv5.2, D1.2.1; ADIv6.0, D1.2.1). */
export type ComponentClass = 'rom-table' | 'coresight' | 'peripheral' | 'system' | 'generic' | 'other';

/** What the identification registers of a component say. */
export interface ComponentId {
  readonly class: ComponentClass;
  /** JEP106, as manufacturers.ts has it; 0 where the component carries none. */
  readonly designer: number;
  readonly part: number;
  readonly revision: number;
  /** DEVARCH, where it is present. */
  readonly architecture?: { readonly architect: number; readonly id: number };
  /** DEVID's FORMAT, for a ROM table of class 9: 0 for 32-bit entries, 1 for 64-bit ones. */
  readonly format: number;
}

/** The registers that say it, from here to the end of the component's 4 KiB. */
export const ID_REGISTERS = { offset: 0xfbc, size: 0x44 } as const;
const DEVARCH = 0xfbc;
const DEVID = 0xfc8;
const PIDR4 = 0xfd0;
const PIDR0 = 0xfe0;
const CIDR0 = 0xff0;

/** CIDR0-3 without the class (ADIv5.2, D1.2.1). */
const PREAMBLE = 0xb105_000d;
const CLASSES: Readonly<Record<number, ComponentClass>> = {
  0x1: 'rom-table',
  0x9: 'coresight',
  0xb: 'peripheral',
  0xe: 'generic',
  0xf: 'system',
};
const ROM_ARCHITECTURE = 0x0af7;

/** From the bytes of ID_REGISTERS; undefined where no component answers (the preamble is not there). */
export function decodeComponentId(bytes: Uint8Array): ComponentId | undefined {
  const register = (offset: number) => readU32(bytes, offset - ID_REGISTERS.offset);
  /** Four registers carry a byte each. */
  const byteWise = (offset: number) =>
    [0, 1, 2, 3].reduce((sum, index) => sum | ((register(offset + 4 * index) & 0xff) << (8 * index)), 0) >>> 0;
  const cidr = byteWise(CIDR0);
  if ((cidr & 0xffff_0fff) >>> 0 !== PREAMBLE) return undefined;
  const code = (cidr >>> 12) & 0xf;
  const pidr = byteWise(PIDR0);
  const hasJep106 = (pidr & 0x8_0000) !== 0;
  const devarch = register(DEVARCH);
  const present = code === 0x9 && (devarch & 0x10_0000) !== 0;
  const isRom = present && (devarch & 0xffff) === ROM_ARCHITECTURE;
  return {
    class: isRom ? 'rom-table' : (CLASSES[code] ?? 'other'),
    designer: hasJep106 ? ((register(PIDR4) & 0xf) << 7) | ((pidr >>> 12) & 0x7f) : 0,
    part: pidr & 0xfff,
    revision: (pidr >>> 20) & 0xf,
    ...(present ? { architecture: { architect: devarch >>> 21, id: devarch & 0xffff } } : {}),
    format: isRom ? register(DEVID) & 0xf : 0,
  };
}
