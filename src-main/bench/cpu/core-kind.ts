/** What distinguishes one Cortex-M from the next, as far as the bench models it. */
export interface CoreKind {
  readonly name: string;
  /** What the core executes. The bench knows ARMv6-M's instructions; a v7-M core parks at what goes beyond (core.ts). */
  readonly architecture: 'v6-m' | 'v7-m';
  readonly cpuid: number;
  /** Comparators of the breakpoint unit that match instructions, and those for literals (v7-M). */
  readonly codeBreakpoints: number;
  readonly literalComparators: number;
  /** VTOR can be written. */
  readonly vectorTableMoves: boolean;
  /** Cycles beyond the first that instructions take (the cores' TRMs, instruction timing), wait states apart. */
  readonly cycles: { readonly branch: number; readonly link: number; readonly popPc: number; readonly special: number };
  /** Words of the private peripheral bus that never change: ROM table, component ids, sizes. */
  readonly fixedWords: ReadonlyMap<number, number>;
}

const SCS = 0xe000e000;
const DWT = 0xe0001000;
const BPU = 0xe0002000;
const ROM = 0xe00ff000;

/** CoreSight component and peripheral ids at 0xFD0-0xFFC (ADIv5.2 D1.2): ARM's, by part number, revision and class. */
function ids(base: number, part: number, revision: number, componentClass: number): [number, number][] {
  const preamble = [0x0d, componentClass << 4, 0x05, 0xb1];
  const peripheral = [part & 0xff, 0xb0 | (part >>> 8), (revision << 4) | 0x0b, 0];
  return [
    [base + 0xfd0, 0x04],
    ...peripheral.map((value, index): [number, number] => [base + 0xfe0 + index * 4, value]),
    ...preamble.map((value, index): [number, number] => [base + 0xff0 + index * 4, value]),
  ];
}

const GENERIC = 0xe;
const ROM_TABLE = 1;
const CORESIGHT = 9;

/** Entries of the ROM table: offsets from it, bit 0 present, bit 1 32-bit format. */
const V6_ROM: [number, number][] = [
  [ROM, 0xfff0f003],
  [ROM + 4, 0xfff02003],
  [ROM + 8, 0xfff03003],
  [ROM + 0xfcc, 1],
];

/** Cortex-M0 r0p0 (Cortex-M0 TRM r0p0): 4 breakpoint and 2 watchpoint comparators. */
export const CORTEX_M0: CoreKind = {
  name: 'Cortex-M0',
  architecture: 'v6-m',
  cpuid: 0x410cc200,
  codeBreakpoints: 4,
  literalComparators: 0,
  vectorTableMoves: false,
  cycles: { branch: 2, link: 3, popPc: 3, special: 3 },
  fixedWords: new Map([
    ...V6_ROM,
    [DWT, 0x20000000],
    ...ids(ROM, 0x471, 0, ROM_TABLE),
    ...ids(SCS, 0x008, 0, GENERIC),
    ...ids(DWT, 0x00a, 0, GENERIC),
    ...ids(BPU, 0x00b, 0, GENERIC),
  ]),
};

/** Cortex-M0+ r0p1 (Cortex-M0+ TRM r0p1). */
export const CORTEX_M0PLUS: CoreKind = {
  name: 'Cortex-M0+',
  architecture: 'v6-m',
  cpuid: 0x410cc601,
  codeBreakpoints: 4,
  literalComparators: 0,
  vectorTableMoves: true,
  cycles: { branch: 1, link: 2, popPc: 2, special: 2 },
  fixedWords: new Map([
    ...V6_ROM,
    [DWT, 0x20000000],
    ...ids(ROM, 0x4c0, 0, ROM_TABLE),
    ...ids(SCS, 0x008, 0, GENERIC),
    ...ids(DWT, 0x00a, 0, GENERIC),
    ...ids(BPU, 0x00b, 0, GENERIC),
  ]),
};

/** Cortex-M4 r0p1 with FPU (Cortex-M4 TRM r0p1, table 4-1): FPB with 6+2 comparators, DWT with 4. */
export const CORTEX_M4: CoreKind = {
  name: 'Cortex-M4',
  architecture: 'v7-m',
  cpuid: 0x410fc241,
  codeBreakpoints: 6,
  literalComparators: 2,
  vectorTableMoves: true,
  cycles: { branch: 2, link: 2, popPc: 3, special: 1 },
  fixedWords: new Map([
    [ROM, 0xfff0f003], // SCS
    [ROM + 4, 0xfff02003], // DWT
    [ROM + 8, 0xfff03003], // FPB
    [ROM + 0xc, 0xfff01003], // ITM
    [ROM + 0x10, 0xfff41003], // TPIU
    [ROM + 0x14, 0xfff42003], // ETM
    [ROM + 0xfcc, 1],
    [DWT, 0x40000000],
    [0xe000ef40, 0x10110021], // MVFR0
    [0xe000ef44, 0x11000011], // MVFR1
    ...ids(ROM, 0x4c4, 0, ROM_TABLE),
    ...ids(SCS, 0x00c, 0, GENERIC),
    ...ids(DWT, 0x002, 3, GENERIC),
    ...ids(BPU, 0x003, 2, GENERIC),
    ...ids(0xe0000000, 0x001, 3, GENERIC), // ITM
    ...ids(0xe0040000, 0x9a1, 0, CORESIGHT), // TPIU
    ...ids(0xe0041000, 0x925, 0, CORESIGHT), // ETM
  ]),
};
