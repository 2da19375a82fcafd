import type { NorKind } from './nor-kinds.ts';

/** Double words of the basic table (JESD216B) and of the 4-byte instruction table; where each begins. */
const BASIC = { words: 16, at: 0x80 };
const FOUR_BYTE = { words: 2, at: 0xd0 };
export const SFDP_SIZE = 0x100;

/** The chip's parameters as JESD216B lays them out: little endian, erased where there is nothing. */
export function sfdpBytes(kind: NorKind): Uint8Array {
  const out = new Uint8Array(SFDP_SIZE).fill(0xff);
  const view = new DataView(out.buffer);
  const put = (at: number, values: readonly number[]) =>
    values.forEach((value, index) => view.setUint32(at + index * 4, value >>> 0, true));
  const tables = kind.enterFourByte === 'b7' ? 2 : 1;
  // Signature; minor 6, major 1, number of headers less one.
  put(0, [0x50444653, 0xff000106 | ((tables - 1) << 16)]);
  put(8, [header(0x00, BASIC.words), 0xff000000 | BASIC.at]);
  put(BASIC.at, basicTable(kind));
  if (tables < 2) return out;
  put(16, [header(0x84, FOUR_BYTE.words), 0xff000000 | FOUR_BYTE.at]);
  put(FOUR_BYTE.at, fourByteTable(kind));
  return out;
}

/** Low byte of the id, revision 1.6, length. */
function header(id: number, words: number): number {
  return id | (6 << 8) | (1 << 16) | (words << 24);
}

function basicTable(kind: NorKind): number[] {
  const { erases, size } = kind;
  const small = erases.find((erase) => erase.size === 0x1000);
  const types = [0, 1, 2, 3].map((index) => {
    const erase = erases[index];
    return erase ? Math.log2(erase.size) | (erase.opcode << 8) : 0;
  });
  const table = Array.from({ length: BASIC.words }, () => 0);
  // 1: 4 KiB erase and its instruction, writes of 64 bytes and more, address bytes, 3 or 4 with a mode.
  table[0] = (small ? 1 : 3) | 4 | ((small?.opcode ?? 0xff) << 8) | (kind.enterFourByte ? 1 << 17 : 0) | (0xff << 24);
  table[1] = size * 8 - 1;
  // 8, 9: erase types.
  table[7] = (types[0] ?? 0) | ((types[1] ?? 0) << 16);
  table[8] = (types[2] ?? 0) | ((types[3] ?? 0) << 16);
  // 10: typical times; the worst are 2 x (6 + 1) times as long.
  table[9] = erases.reduce((word, { ms }, index) => word | (eraseTime(ms) << (4 + 7 * index)), 6);
  table[10] = programTimes(kind);
  // 14: status register 1 tells when the chip is busy, or the flag status register; ABh, B9h for deep power-down.
  const { flagStatus } = kind;
  table[13] = (flagStatus === 'only' ? 0 : 1 << 2) | (flagStatus ? 1 << 3 : 0) | (0xab << 15) | (0xb9 << 23);
  table[14] = kind.quadEnable << 20;
  // 16: 66h and 99h; E9h leaves, B7h enters 4-byte addresses, both after a write enable or without.
  const enter = { none: 0, b7: 1, 'wren-b7': 2, 'segment-c5': 4, 'bank-17': 8 }[kind.enterFourByte ?? 'none'];
  table[15] = (1 << 12) | (enter << 14) | ((enter | (kind.enterFourByte === 'b7' ? 1 << 5 : 0)) << 24);
  return table;
}

/** Count of five bits, unit of two. */
function eraseTime(ms: number): number {
  const units = [1, 16, 128, 1000];
  const unit = Math.max(
    0,
    units.findIndex((candidate) => ms <= candidate * 32),
  );
  return (Math.ceil(ms / (units[unit] ?? 1)) - 1) | (unit << 5);
}

/** 11: pages of 256 bytes, program, and chip erase. */
function programTimes({ programUs, chipEraseMs }: NorKind): number {
  const byEights = programUs <= 256;
  const page = (Math.ceil(programUs / (byEights ? 8 : 64)) - 1) | (byEights ? 0 : 1 << 5);
  const units = [16, 256, 4000, 64_000];
  const unit = Math.max(
    0,
    units.findIndex((candidate) => chipEraseMs <= candidate * 32),
  );
  const chip = (Math.ceil(chipEraseMs / (units[unit] ?? 1)) - 1) | (unit << 5);
  return 6 | (8 << 4) | (page << 8) | (chip << 24);
}

/** 1: fast read 0Ch, page program 12h, erase types; 2: their instructions. */
function fourByteTable({ erases }: NorKind): number[] {
  const own = erases.map(({ fourByteOpcode }) => fourByteOpcode);
  const types = own.reduce<number>(
    (word, opcode, index) => (opcode === undefined ? word : word | (1 << (9 + index))),
    0,
  );
  const opcodes = [0, 1, 2, 3].reduce((word, index) => word | ((own[index] ?? 0xff) << (8 * index)), 0);
  return [(1 << 0) | (1 << 1) | (1 << 6) | types, opcodes];
}
