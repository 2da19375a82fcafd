/** One size of erase: its instruction and its typical time. */
export interface NorErase {
  readonly size: number;
  readonly opcode: number;
  /** With addresses of four bytes whatever the mode; absent where the chip has none. */
  readonly fourByteOpcode?: number;
  readonly ms: number;
}

/** A serial NOR flash as its data sheet describes it. Bytes, milliseconds, microseconds. */
export interface NorKind {
  readonly name: string;
  /** Manufacturer, type, capacity. */
  readonly jedecId: readonly [number, number, number];
  readonly size: number;
  readonly erases: readonly NorErase[];
  readonly chipEraseMs: number;
  /** A page of 256 bytes, and its first byte: data sheets tell both, in between it is a straight line. */
  readonly programUs: number;
  readonly firstByteUs: number;
  readonly statusWriteMs: number;
  /** Bits of status register 1 that protect, and of register 2; every one of them protects the whole chip here. */
  readonly protects: { readonly sr1: number; readonly sr2: number };
  /** Bits of the registers that can be written. */
  readonly writable: { readonly sr1: number; readonly sr2: number };
  /** Bytes that 4Bh answers. */
  readonly uid: number;
  /**
   * B7h alone, or after a write enable, bit 7 of the bank register, or a register of the highest byte alone; absent where
   * addresses have three bytes.
   */
  readonly enterFourByte?: 'b7' | 'wren-b7' | 'bank-17' | 'segment-c5';
  /** It has a flag status register; `only` that one tells when it is ready, and must have been read before it does more. */
  readonly flagStatus?: 'errors' | 'only';
  /** The quad enable requirement of JESD216, DWORD 15. */
  readonly quadEnable: 0 | 1 | 2 | 3 | 4 | 5 | 6;
  /** After a release from power-down. */
  readonly wakeUs: number;
}

const SMALL = { size: 0x1000, opcode: 0x20 };
const HALF = { size: 0x8000, opcode: 0x52 };
const BLOCK = { size: 0x10000, opcode: 0xd8 };

/** W25Q128JV data sheet, revision H, 9.6 AC electrical characteristics. */
const w25q128jv: NorKind = {
  name: 'W25Q128JV',
  jedecId: [0xef, 0x40, 0x18],
  size: 0x1000000,
  erases: [
    { ...SMALL, ms: 45 },
    { ...HALF, ms: 120 },
    { ...BLOCK, ms: 150 },
  ],
  chipEraseMs: 40_000,
  programUs: 400,
  firstByteUs: 30,
  statusWriteMs: 10,
  protects: { sr1: 0x1c, sr2: 0x40 },
  writable: { sr1: 0xfc, sr2: 0x7b },
  uid: 8,
  quadEnable: 4,
  wakeUs: 3,
};

/** GD25Q64C data sheet, 8.6 AC characteristics. */
const gd25q64c: NorKind = {
  ...w25q128jv,
  name: 'GD25Q64C',
  jedecId: [0xc8, 0x40, 0x17],
  size: 0x800000,
  erases: [
    { ...SMALL, ms: 50 },
    { ...HALF, ms: 160 },
    { ...BLOCK, ms: 200 },
  ],
  chipEraseMs: 30_000,
  programUs: 600,
  uid: 16,
};

/** MX25L25645G data sheet, 14 AC characteristics. Quad enable is bit 6 of its one status register. */
const mx25l25645g: NorKind = {
  name: 'MX25L25645G',
  jedecId: [0xc2, 0x20, 0x19],
  size: 0x2000000,
  erases: [
    { ...SMALL, fourByteOpcode: 0x21, ms: 30 },
    { ...HALF, fourByteOpcode: 0x5c, ms: 180 },
    { ...BLOCK, fourByteOpcode: 0xdc, ms: 280 },
  ],
  chipEraseMs: 110_000,
  programUs: 250,
  firstByteUs: 15,
  statusWriteMs: 40,
  protects: { sr1: 0x3c, sr2: 0 },
  writable: { sr1: 0xfc, sr2: 0 },
  uid: 0,
  enterFourByte: 'b7',
  quadEnable: 2,
  wakeUs: 30,
};

/** N25Q256A data sheet, table 47. The part that only reads with instructions of their own for 4-byte addresses. */
const n25q256a: NorKind = {
  ...mx25l25645g,
  name: 'N25Q256A',
  jedecId: [0x20, 0xba, 0x19],
  erases: [
    { ...SMALL, ms: 250 },
    { ...BLOCK, ms: 700 },
  ],
  chipEraseMs: 240_000,
  programUs: 500,
  statusWriteMs: 1.3,
  flagStatus: 'errors',
  protects: { sr1: 0x5c, sr2: 0 },
  enterFourByte: 'wren-b7',
  quadEnable: 0,
};

/** No maker's: what a chip is that is only known by what it says of itself. 1 MiB. */
const spiNor: NorKind = {
  ...w25q128jv,
  name: 'unknown NOR flash',
  jedecId: [0x7f, 0x51, 0x14],
  size: 0x100000,
  chipEraseMs: 3000,
  uid: 0,
};

/** By the ids of their descriptions. */
export const NOR_KINDS: Readonly<Record<string, NorKind>> = {
  w25q128jv,
  gd25q64c,
  mx25l25645g,
  n25q256a,
  'spi-nor': spiNor,
};
